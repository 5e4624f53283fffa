/** What ADD would refuse in the configuration, as far as it can be told without this node's underlay. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readVxlanConfig } from "./config.ts";
import { peerSource } from "./peers/source.ts";
import { podDelegation } from "./pod.ts";

/** Returns the request that the plugin which attaches pods would get. */
export default (request: Request): Request => {
  const config = readVxlanConfig(request);
  peerSource(config.discovery).read(config.discovery);
  return podDelegation(request, config).request;
};
