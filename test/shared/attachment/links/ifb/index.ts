import { hostPlugin } from "../plugins.ts";

export default hostPlugin("ifb");
