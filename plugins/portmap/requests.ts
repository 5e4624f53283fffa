/** runtimeConfig.portMappings: the ports that the runtime wants, checked, and as mappings of each family. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
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
  formatIp,
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

/** Throws code 7 for a loopback address from which no way leads to a container. */
function refuseDeadEnd(fields: Fields, address: IpAddress, snat: boolean): void {
  if (!isLoopback(address)) return;
  const leads = "which leads to no container";
  if (address.family === 6) {
    // There is no route_localnet for IPv6 (Documentation/networking/ip-sysctl.rst).
    const problem = `is ${formatIp(address)}, ${leads}: the kernel routes it nowhere`;
    throw fields.invalid("hostIP", problem, "give 127.0.0.1, or another IPv6 address of the node");
  }
  if (snat) return;
  const problem = `is ${formatIp(address)}, ${leads} with "snat" set to false`;
  throw fields.invalid("hostIP", problem, 'leave "snat" out, or give another address of the node');
}

function readHost(fields: Fields, snat: boolean): PortRequest["host"] {
  const text = fields.text("hostIP") ?? "";
  if (text === "") return "any";
  const address = parseIp(text);
  const advice = "give an address of the node, 0.0.0.0 or :: for all of a family, or leave it out";
  if (address === undefined) throw fields.invalid("hostIP", `is no IP address: ${quote(text)}`, advice);
  if (isUnspecified(address)) return address.family;
  refuseDeadEnd(fields, address, snat);
  const kind = isMulticast(address) ? "multicast" : isLimitedBroadcast(address) ? "broadcast" : undefined;
  if (kind === undefined) return address;
  throw fields.invalid("hostIP", `is a ${kind} address, which no node has as its own: ${text}`, advice);
}

/** Reads portMappings; none is fine. `snat`: as configured. Throws codes 6 and 7. */
export function readPortRequests(runtimeConfig: Fields, snat: boolean): PortRequest[] {
  return (runtimeConfig.objects("portMappings") ?? []).map((fields) => ({
    protocol: readProtocol(fields),
    hostPort: readPort(fields, "hostPort"),
    containerPort: readPort(fields, "containerPort"),
    host: readHost(fields, snat),
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

function expand(request: PortRequest, families: readonly Family[]): PortMapping[] {
  const { protocol, hostPort, containerPort, host } = request;
  const plain = { protocol, hostPort, containerPort };
  if (host === "any") return families.map((family) => ({ ...plain, family }));
  if (typeof host === "number") return families.includes(host) ? [{ ...plain, family: host }] : [];
  return families.includes(host.family) ? [{ ...plain, family: host.family, hostIp: host }] : [];
}

function nothingToLeadTo({ host, hostPort }: PortRequest): CniError {
  const family = host === "any" ? "" : `IPv${typeof host === "number" ? host : host.family} `;
  const message = `the host port ${hostPort} is asked for, but the container has no ${family}address`;
  const advice =
    family === ""
      ? "portmap needs the addresses of the plugin before it in the chain: give that one an ipam section"
      : "ask for the port on an address of the other family, or give the network a range of this one";
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** The mappings of each family that has a target. Throws code 7 for a family without a target, and for a port that is asked for twice. */
export function expandRequests(requests: readonly PortRequest[], targets: readonly Cidr[]): PortMapping[] {
  const families = targets.map(({ address }) => address.family);
  const mappings: PortMapping[] = [];
  const seen = new Set<string>();
  for (const request of requests) {
    const expanded = expand(request, families);
    if (expanded.length === 0) throw nothingToLeadTo(request);
    for (const mapping of expanded) {
      const name = describePort(mapping);
      if (seen.has(name)) {
        const advice = "a host port leads to one place: remove one of the two from portMappings";
        throw new CniError(ErrorCode.invalidConfiguration, `${name} is asked for twice`, advice);
      }
      seen.add(name);
      mappings.push(mapping);
    }
  }
  return mappings;
}
