/** What a request asks to be forwarded. */
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { Forwarding } from "./adaptor.ts";
import type { PortmapConfig } from "./config.ts";
import { expandRequests, targetsOf } from "./port-requests.ts";

/** The forwarding for the addresses of a result. Throws code 7 for ports that cannot lead anywhere. */
export function forwardingOf(request: Request, config: PortmapConfig, result: Result): Forwarding {
  const { snat, masqAll, markBit, externalSetMarkChain, conditions, ports } = config;
  const targets = targetsOf(result, request.ifname);
  return {
    owner: attachmentOf(request),
    targets,
    mappings: expandRequests(ports, targets),
    snat,
    masqAll,
    markBit,
    ...(externalSetMarkChain === undefined ? {} : { externalSetMarkChain }),
    conditions,
  };
}

/** For STATUS: a forwarding of nothing. */
export function emptyForwarding(request: Request, config: PortmapConfig): Forwarding {
  return forwardingOf(request, { ...config, ports: [] }, { interfaces: [], ips: [], routes: [], dns: {} });
}
