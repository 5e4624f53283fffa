/** What ADD would refuse in the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readSbr } from "./config.ts";

export default (request: Request): void => void readSbr(request);
