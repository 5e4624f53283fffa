/** runtimeConfig.portMappings: the ports that the runtime wants, checked, and as mappings of each family. */
import { quote } from "../../shared/cni/error.ts";
import type { Fields } from "../../shared/cni/fields.ts";
import type { Result } from "../../shared/cni/result.ts";
import {
  describePort,
  type PortMapping,
  type TransportProtocol,
  transportProtocols,
} from "../../shared/filter/record.ts";
import {
  type Family,
  type IpAddress,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseIp,
} from "../../shared/ip/address.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";

const HIGHEST_PORT = 65535;

/** One element of portMappings. */
export interface PortRequest {
  readonly protocol: TransportProtocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** Of all families: both. A family alone: any address of it. */
  readonly host: IpAddress | Family | "any";
}

function readPort(fields: Fields, key: string): number {
  const port = fields.integer(key);
  if (port !== undefined && port >= 1 && port <= HIGHEST_PORT) return port;
  const problem = port === undefined ? "is missing" : `is ${port}`;
  throw fields.invalid(key, problem, `a port is a number from 1 to ${HIGHEST_PORT}`);
}

function readProtocol(fields: Fields): TransportProtocol {
  const text = fields.text("protocol") ?? "";
  if (text === "") return "tcp";
  const protocol = transportProtocols.find((name) => name === text.toLowerCase());
  if (protocol !== undefined) return protocol;
  throw fields.invalid(
    "protocol",
    `is unknown: ${quote(text)}`,
    `give one of ${transportProtocols.join(", ")}`,
  );
}

function readHost(fields: Fields): PortRequest["host"] {
  const text = fields.text("hostIP") ?? "";
  if (text === "") return "any";
  const address = parseIp(text);
  const advice = "give an address of the node, 0.0.0.0 or :: for all of a family, or leave it out";
  if (address === undefined) throw fields.invalid("hostIP", `is no IP address: ${quote(text)}`, advice);
  if (isUnspecified(address)) return address.family;
  const kind = isMulticast(address) ? "multicast" : isLimitedBroadcast(address) ? "broadcast" : undefined;
  if (kind === undefined) return address;
  throw fields.invalid("hostIP", `is a ${kind} address, which no node has as its own: ${text}`, advice);
}

/** Reads portMappings; none is fine. Throws codes 6 and 7. */
export function readPortRequests(runtimeConfig: Fields): PortRequest[] {
  return (runtimeConfig.objects("portMappings") ?? []).map((fields) => ({
    protocol: readProtocol(fields),
    hostPort: readPort(fields, "hostPort"),
    containerPort: readPort(fields, "containerPort"),
    host: readHost(fields),
  }));
}

/**
 * The container's addresses that ports lead to, one a family: the first of the result's that is on the interface, or
 * that no interface is named for.
 */
export function targetsOf(result: Result, ifname: string): Cidr[] {
  const targets: Cidr[] = [];
  for (const { address, interface: index } of result.ips) {
    const holder = index === undefined ? undefined : result.interfaces[index];
    const isOwn = holder === undefined || (holder.name === ifname && (holder.sandbox ?? "") !== "");
    if (!isOwn || targets.some((each) => each.address.family === address.address.family)) continue;
    targets.push(address);
  }
  return targets;
}

/** The kernel routes ::1 to no container: IPv6 has no route_localnet (Documentation/networking/ip-sysctl.rst). */
const isDeadEnd = ({ host }: PortRequest): boolean =>
  typeof host === "object" && host.family === 6 && isLoopback(host);

function expand(request: PortRequest, families: readonly Family[]): PortMapping[] {
  const { protocol, hostPort, containerPort, host } = request;
  const plain = { protocol, hostPort, containerPort };
  if (isDeadEnd(request)) return [];
  if (host === "any") return families.map((family) => ({ ...plain, family }));
  if (typeof host === "number") return families.includes(host) ? [{ ...plain, family: host }] : [];
  return families.includes(host.family) ? [{ ...plain, family: host.family, hostIp: host }] : [];
}

/**
 * The mappings of each family that has a target. Requests for another family make none: runtimes ask for 0.0.0.0 and :: whatever
 * addresses the container has. Of two requests for one port the first counts. Both are as in the reference plugin.
 */
export function expandRequests(requests: readonly PortRequest[], targets: readonly Cidr[]): PortMapping[] {
  const families = targets.map(({ address }) => address.family);
  const mappings = new Map<string, PortMapping>();
  for (const request of requests) {
    for (const mapping of expand(request, families)) {
      const name = describePort(mapping);
      if (!mappings.has(name)) mappings.set(name, mapping);
    }
  }
  return [...mappings.values()];
}
