import { upperPlugin } from "../plugins.ts";

export default upperPlugin("macvlan");
