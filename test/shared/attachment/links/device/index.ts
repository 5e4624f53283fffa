import { devicePlugin } from "../plugins.ts";

export default devicePlugin();
