/** The record of a request: what portmap wants of the packet filter. */
import { describeNamespace } from "../../shared/attachment/liveness.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { Wanted } from "../../shared/filter/choice.ts";
import type { HostPorts } from "../../shared/filter/record.ts";
import { type Cidr, parseCidr } from "../../shared/ip/cidr.ts";
import { backendOf, type PortmapConfig } from "./config.ts";
import { expandRequests, type PortRequest, targetsOf } from "./requests.ts";

export type WantedPorts = Wanted & { readonly hostPorts: HostPorts };

/** The host ports of a request, for the addresses of a result. */
export function wantedPorts(request: Request, config: PortmapConfig, result: Result): WantedPorts {
  const { snat, masqAll, markBit, externalSetMarkChain, conditions, ports } = config;
  const targets = targetsOf(result, request.ifname);
  const namespace = describeNamespace(request.netns);
  return {
    owner: attachmentOf(request),
    kind: "portmap",
    backend: backendOf(config),
    ...(namespace === undefined ? {} : { namespace }),
    hostPorts: {
      targets,
      mappings: expandRequests(ports, targets),
      snat,
      masqAll,
      markBit,
      ...(externalSetMarkChain === undefined ? {} : { externalSetMarkChain }),
      conditions,
    },
  };
}

/** For STATUS: one port, to an address of the documentation's network (RFC 5737). */
export function samplePorts(request: Request, config: PortmapConfig): WantedPorts {
  const address = parseCidr("192.0.2.2/24") as Cidr;
  const ports: PortRequest[] = [{ protocol: "tcp", hostPort: 1, containerPort: 1, host: "any" }];
  const result: Result = { interfaces: [], ips: [{ address }], routes: [], dns: {} };
  return wantedPorts(request, { ...config, ports }, result);
}
