/** What ADD would refuse in the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readTapConfig } from "./config.ts";

export default (request: Request): void => void readTapConfig(request);
