/** What ADD would refuse in the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readVrf } from "./config.ts";

export default (request: Request): void => void readVrf(request);
