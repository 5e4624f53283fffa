/** Throws what ADD would throw for the configuration; a container's own addresses are not there yet. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readStatic } from "./configuration.ts";

export default (request: Request): void => void readStatic(request);
