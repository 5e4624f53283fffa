/** Makes the configuration for the plugin of ours that attaches the pod. */
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { withConfiguration } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Family } from "../../shared/ip/address.ts";
import { defaultRoute, formatCidr } from "../../shared/ip/cidr.ts";
import type { VxlanConfig } from "./config.ts";
import { familiesOf, type L3Config } from "./modes.ts";

/** Keys that are passed to that plugin unchanged, beside the specification's common ones. */
const passedKeys: readonly string[] = [
  "cniVersion",
  "name",
  "ipam",
  "dns",
  "args",
  "runtimeConfig",
  "capabilities",
  "prevResult",
  "ipMasq",
  "ipMasqBackend",
  "nonMasqueradeCIDRs",
  "hairpinMode",
  "macspoofchk",
  "enabledad",
  "portIsolation",
];
/** In the mode l2 the node may be the pods' gateway. */
const gatewayKeys: readonly string[] = ["isGateway", "isDefaultGateway", "forceAddress"];

function passed(raw: JsonObject, keys: readonly string[]): Record<string, unknown> {
  const wanted = keys.map((key) => key.toLowerCase());
  const entries = Object.entries(raw).filter(
    ([key]) => wanted.includes(key.toLowerCase()) || key.startsWith("cni.dev/"),
  );
  return Object.fromEntries(entries);
}

/** Adds host-local's ranges and routes: the pod subnets are known, and the node is the gateway to everything. */
function completeIpam(ipam: unknown, l3: L3Config): unknown {
  if (!isObject(ipam)) return ipam;
  const subnetsOf = (family: Family) => l3.subnets.filter(({ address }) => address.family === family);
  const ranges = familiesOf(l3).map((family) =>
    subnetsOf(family).map((cidr) => ({ subnet: formatCidr(cidr) })),
  );
  const routes = familiesOf(l3).map((family) => ({ dst: formatCidr(defaultRoute(family)) }));
  const hasRanges = ipam["type"] !== "host-local" || "ranges" in ipam || "subnet" in ipam;
  return { ...ipam, ...(hasRanges ? {} : { ranges }), ...("routes" in ipam ? {} : { routes }) };
}

/**
 * Traffic to the overlay's networks is not masqueraded. A value that is not a list is passed on, and refused there.
 */
function exceptions(given: unknown, l3: L3Config): unknown {
  if (given !== undefined && !Array.isArray(given)) return given;
  return [...(given ?? []), ...l3.networks.map(formatCidr)];
}

/** The keys made here. The plugin reads keys in any case. */
const madeKeys: readonly string[] = ["ipam", "nonMasqueradeCIDRs"];

function routedKeys(raw: JsonObject, config: VxlanConfig, l3: L3Config): JsonObject {
  const fields = new Fields(raw);
  const keys = passedKeys.filter((key) => !madeKeys.includes(key));
  const bridged = l3.attach === "bridge" ? { bridge: config.bridge, isDefaultGateway: true } : {};
  return {
    ...passed(raw, keys),
    ...bridged,
    ipam: completeIpam(fields.value("ipam"), l3),
    nonMasqueradeCIDRs: exceptions(fields.value("nonMasqueradeCIDRs"), l3),
  };
}

export interface Delegation {
  /** The plugin that attaches the pod. */
  readonly type: "bridge" | "ptp";
  readonly request: Request;
}

/** `mtu`: the overlay's; omit it if it does not matter. */
export function podDelegation(request: Request, config: VxlanConfig, mtu = 0): Delegation {
  const { raw } = request.configuration;
  const { l3, bridge } = config;
  const type = l3?.attach ?? "bridge";
  const keys =
    l3 === undefined
      ? { ...passed(raw, [...passedKeys, ...gatewayKeys]), bridge }
      : routedKeys(raw, config, l3);
  return { type, request: withConfiguration(request, { ...keys, type, mtu }) };
}

/** For DEL and GC, which need only names: an invalid key must not keep them from removing. */
export function removalDelegation(request: Request): Delegation {
  const keys = passed(request.configuration.raw, passedKeys);
  // bridge's DEL removes everything that ptp's does.
  return { type: "bridge", request: withConfiguration(request, { ...keys, type: "bridge" }) };
}
