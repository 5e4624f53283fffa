/** What ADD would refuse in the configuration: for `podwire validate`. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readTemplateConfig } from "./config.ts";

export default (request: Request): void => void readTemplateConfig(request);
