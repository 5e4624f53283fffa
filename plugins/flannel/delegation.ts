/** Makes the configuration of the plugin that makes the interface. */
import type { Role } from "../../shared/cni/delegate.ts";
import { CniError } from "../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { interfaceRole, withConfiguration } from "../../shared/cni/main-delegate.ts";
import type { NetworkConfiguration, Request } from "../../shared/cni/plugin.ts";
import { formatCidr, networkOf, parseCidr } from "../../shared/ip/cidr.ts";
import type { FlannelConfig } from "./config.ts";
import type { SubnetEnv } from "./subnet-env.ts";

/** The type under which this plugin is called. */
const OWN_TYPE = "flannel";

export const roleOf = (request: Request): Role => interfaceRole(request, OWN_TYPE, "delegate.type");

export interface Delegation {
  readonly type: string;
  readonly request: Request;
}

/** The same call for the delegate. Throws codes 1, 6 and 7 for what is wrong in its configuration. */
export function delegationOf(request: Request, raw: JsonObject): Delegation {
  const { configuration, ...made } = withConfiguration(request, raw);
  return { type: configuration.type, request: { ...made, configuration } };
}

/** What ADD has kept, as a call of its delegate; undefined without it, or if it makes no configuration of a delegate. */
export function savedDelegation(request: Request, raw: JsonObject | undefined): Delegation | undefined {
  if (raw === undefined) return undefined;
  try {
    const made = delegationOf(request, raw);
    const plugin = request.builtin(made.type);
    return plugin === undefined || roleOf(request).fits(plugin) ? made : undefined;
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    return undefined;
  }
}

/** An object without some keys, in whichever case: plugins read keys in any case. */
function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key.toLowerCase())));
}

/** The keys of an object that is not given or null. */
const absentIn = (fields: Fields, defaults: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(defaults).filter(([key, value]) => value !== undefined && fields.value(key) === undefined),
  );

/** The routes of the configuration, and one to each network that they lack. */
function routesOf(given: unknown, { networks }: SubnetEnv): unknown {
  if (given !== undefined && !Array.isArray(given)) return given;
  const routes: readonly unknown[] = given ?? [];
  const named = new Set<string>();
  for (const route of routes) {
    const dst = isObject(route) ? new Fields(route).value("dst") : undefined;
    const cidr = typeof dst === "string" ? parseCidr(dst) : undefined;
    if (cidr !== undefined) named.add(formatCidr(networkOf(cidr)));
  }
  const added = networks.map(formatCidr).filter((dst) => !named.has(dst));
  return [...routes, ...added.map((dst) => ({ dst }))];
}

function ipamOf(ipam: JsonObject, env: SubnetEnv): JsonObject {
  const fields = new Fields(ipam, "ipam");
  return {
    ...without(ipam, ["type", "ranges", "routes"]),
    type: fields.value("type") ?? "host-local",
    ranges: env.subnets.map((subnet) => [{ subnet: formatCidr(subnet) }]),
    routes: routesOf(fields.value("routes"), env),
  };
}

/** The keys that every call gives the delegate. */
function callKeys({ name, cniVersion, fields }: NetworkConfiguration, type: string): JsonObject {
  const runtimeConfig = fields.value("runtimeConfig");
  return { name, type, cniVersion, ...(runtimeConfig === undefined ? {} : { runtimeConfig }) };
}

/** The delegate's configuration. */
export function delegateKeys(
  configuration: NetworkConfiguration,
  { type, delegate, ipam }: FlannelConfig,
  env: SubnetEnv,
): JsonObject {
  const { fields } = configuration;
  const given = new Fields(delegate);
  const defaults = {
    ipMasq: !env.isMasquerading,
    mtu: env.mtu,
    isGateway: type === "bridge" ? true : undefined,
    dns: fields.value("dns"),
    args: fields.value("args"),
  };
  return {
    ...without(delegate, ["type", "cniversion"]),
    ...absentIn(given, defaults),
    ...callKeys(configuration, type),
    ipam: ipamOf(ipam, env),
  };
}

/** The same without what flanneld says: enough for DEL and GC of our own plugins, which need names and folders. */
export function removalKeys(
  configuration: NetworkConfiguration,
  { type, delegate, ipam }: FlannelConfig,
): JsonObject {
  return {
    ...without(delegate, ["type", "cniversion"]),
    ...callKeys(configuration, type),
    ipam: {
      ...without(ipam, ["type", "ranges", "routes"]),
      type: new Fields(ipam).value("type") ?? "host-local",
    },
  };
}
