/** Throws what ADD would throw for the configuration, as far as that does not depend on the node's underlay. */
import type { Request } from "../../shared/cni/plugin.ts";
import { readVxlanConfig } from "./config.ts";
import { peerSource } from "./peers/source.ts";
import { podDelegation } from "./pod.ts";

/** Returns the request for the plugin that attaches the pod. */
export default (request: Request): Request => {
  const config = readVxlanConfig(request);
  peerSource(config.discovery).read(config.discovery);
  return podDelegation(request, config).request;
};
