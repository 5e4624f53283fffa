import { tapPlugin } from "../plugins.ts";

export default tapPlugin();
