/** Throws what ADD would throw for the configuration; CNI_ARGS are not there yet. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readDhcp } from "./configuration.ts";

export default ({ configuration }: Request): void => void readDhcp(configuration, "");
