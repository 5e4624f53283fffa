/** What ADD would refuse in the configuration. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readPortmapConfig } from "./config.ts";

export default ({ configuration }: Request): void => void readPortmapConfig(configuration);
