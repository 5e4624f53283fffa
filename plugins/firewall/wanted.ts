/** The record of a request: what firewall wants of the packet filter. */
import { describeNamespace } from "../../shared/attachment/liveness.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { Wanted } from "../../shared/filter/choice.ts";
import type { Ingress } from "../../shared/filter/record.ts";
import { parseCidr } from "../../shared/ip/cidr.ts";
import type { FirewallConfig } from "./config.ts";

/** The name goes into rules. Cut at 15 bytes, or with white space, it would mean another interface or another rule. Throws code 7. */
function checkedBridge(bridge: string, policy: string): string {
  const problem = bridge === "" ? "it is empty" : interfaceNameProblem(bridge);
  if (problem === undefined) return bridge;
  const message = `"ingressPolicy" is "${policy}", and the previous result has a bridge that cannot exist, ${quote(bridge)}: ${problem}`;
  const advice = "mend the plugin that returns it, or remove the key";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** The bridge of the container: the first interface of the result that is on the host, as with the reference plugin. Throws code 7. */
function ingressOf({ policy }: FirewallConfig, { interfaces }: Result): Ingress[] {
  if (policy === undefined) return [];
  const bridge = interfaces.find(({ sandbox }) => (sandbox ?? "") === "")?.name;
  if (bridge !== undefined) return [{ bridge: checkedBridge(bridge, policy), policy }];
  const message = `"ingressPolicy" is "${policy}", and the previous result has no bridge`;
  const advice = "put firewall after the plugin bridge, or remove the key";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/**
 * All addresses of the result count, whatever their interface. Without addresses nothing is wanted. `isZoned`: they become sources of the
 * zone. Throws code 7.
 */
export function wantedOf(request: Request, config: FirewallConfig, result: Result, isZoned: boolean): Wanted {
  const namespace = describeNamespace(request.netns);
  const addresses = result.ips.map(({ address }) => address);
  return {
    owner: attachmentOf(request),
    kind: "firewall",
    backend: config.backend,
    ...(namespace === undefined ? {} : { namespace }),
    addresses,
    firewall: {
      admins: config.firewalld === "always" ? [] : [config.admin],
      ingress: addresses.length === 0 ? [] : ingressOf(config, result),
      ...(isZoned ? { zone: config.zone } : {}),
    },
  };
}

/** For STATUS: an address of each documentation network (RFC 5737, RFC 3849). */
export function sampleOf(request: Request, config: FirewallConfig): Wanted {
  const ips = ["192.0.2.2/24", "2001:db8::2/64"].flatMap((text) => {
    const address = parseCidr(text);
    return address === undefined ? [] : [{ address }];
  });
  return wantedOf(request, config, { interfaces: [{ name: "lo" }], ips, routes: [], dns: {} }, false);
}
