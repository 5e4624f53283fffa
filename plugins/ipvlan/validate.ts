/** What ADD would refuse in the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readIpvlanConfig } from "./config.ts";

export default (request: Request): void => void readIpvlanConfig(request, true);
