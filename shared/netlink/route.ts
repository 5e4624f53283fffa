/** Routes. Constants: include/uapi/linux/rtnetlink.h. */
import {
  bitsOf,
  type Family,
  formatIp,
  fromBytes,
  type IpAddress,
  isSameIp,
  toBytes,
} from "../ip/address.ts";
import { type Cidr, defaultRoute, formatCidr, isSameCidr } from "../ip/cidr.ts";
import { Errno } from "../system/errno.ts";
import { addressFamily } from "./address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
/** RTA_*. */
const DESTINATION = 1;
const OUTPUT_INTERFACE = 4;
const GATEWAY = 5;
const PRIORITY = 6;
const PREFERRED_SOURCE = 7;
const METRICS = 8;
const TABLE = 15;
/** RTAX_*. */
const METRIC_MTU = 2;
const METRIC_ADVMSS = 8;
const MAIN_TABLE = 254;
const UNICAST = 1;
/** RTPROT_BOOT: set by a program, as ip(8) does; RTPROT_RA: learned from a router advertisement. */
const PROTOCOL_BOOT = 3;
const PROTOCOL_RA = 9;
const SCOPE_LINK = 253;
/** The kernel's metric for an IPv6 route that names none. */
const IPV6_DEFAULT_PRIORITY = 1024;

export interface Route {
  readonly destination: Cidr;
  readonly gateway?: IpAddress | undefined;
  /** The address that the node's own traffic to the destination comes from. */
  readonly source?: IpAddress | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

/** A route the kernel holds. */
export interface KernelRoute extends Route {
  readonly index: number;
  readonly table: number;
  readonly scope: number;
  readonly protocol: number;
}

function header(family: Family, prefixLength: number, table: number, rest: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set([addressFamily[family], prefixLength, 0, 0, table, ...rest]);
  return bytes;
}

/** Without a gateway an IPv4 destination must be on the link; IPv6 has no scopes. */
function scopeOf(route: Route): number {
  if (route.scope !== undefined) return route.scope;
  return route.gateway === undefined && route.destination.address.family === 4 ? SCOPE_LINK : 0;
}

function describe(route: Route): string {
  return `${formatCidr(route.destination)}${route.gateway === undefined ? "" : ` via ${formatIp(route.gateway)}`}`;
}

/** What a new route is to others with its destination and metric: one more of them, or refused (EEXIST). */
export type Placement = "append" | "exclusive";

/**
 * Equivalent to: ip route append|add DESTINATION [via GATEWAY] dev INDEX [src] [metric] [mtu] [advmss] [table]
 * [scope].
 */
export function addRoute(index: number, route: Route, placement: Placement = "append"): NetlinkMessage {
  const { destination, gateway, source } = route;
  const table = route.table ?? MAIN_TABLE;
  const short = table < 256 ? table : 0;
  const rest = [PROTOCOL_BOOT, scopeOf(route), UNICAST];
  const body = new BodyWriter()
    .raw(header(destination.address.family, destination.prefixLength, short, rest))
    .u32(TABLE, table)
    .u32(OUTPUT_INTERFACE, index);
  if (destination.prefixLength > 0) body.bytes(DESTINATION, toBytes(destination.address));
  if (gateway !== undefined) body.bytes(GATEWAY, toBytes(gateway));
  if (source !== undefined) body.bytes(PREFERRED_SOURCE, toBytes(source));
  if (route.priority !== undefined) body.u32(PRIORITY, route.priority);
  if (route.mtu !== undefined || route.advmss !== undefined) {
    body.nested(METRICS, (metrics) => {
      if (route.mtu !== undefined) metrics.u32(METRIC_MTU, route.mtu);
      if (route.advmss !== undefined) metrics.u32(METRIC_ADVMSS, route.advmss);
    });
  }
  return {
    type: RTM_NEWROUTE,
    flags: Flag.request | Flag.ack | Flag.create | (placement === "append" ? Flag.append : Flag.exclusive),
    body: body.finish(),
    purpose: `add the route ${describe(route)} to interface number ${index}`,
  };
}

function readRoute(body: Uint8Array): KernelRoute {
  const attributes = new Attributes(body, 12);
  const family: Family = body[0] === addressFamily[4] ? 4 : 6;
  const bytes = attributes.bytes(DESTINATION);
  const address = bytes === undefined ? defaultRoute(family).address : fromBytes(bytes);
  const gateway = attributes.bytes(GATEWAY);
  const source = attributes.bytes(PREFERRED_SOURCE);
  const metrics = attributes.nested(METRICS);
  return {
    destination: { address: { family, value: address.value }, prefixLength: body[1] ?? 0 },
    gateway: gateway === undefined ? undefined : { family, value: fromBytes(gateway).value },
    source: source === undefined ? undefined : { family, value: fromBytes(source).value },
    index: attributes.u32(OUTPUT_INTERFACE) ?? 0,
    priority: attributes.u32(PRIORITY),
    table: attributes.u32(TABLE) ?? body[4] ?? 0,
    protocol: body[5] ?? 0,
    scope: body[6] ?? 0,
    mtu: metrics.u32(METRIC_MTU),
    advmss: metrics.u32(METRIC_ADVMSS),
  };
}

export interface RouteFilter {
  readonly family: Family;
  /** Only routes through this link. */
  readonly index?: number;
  /** 0 or absent: of every table. */
  readonly table?: number;
  readonly protocol?: number;
}

/** A table that no route was ever put into is not there: ENOENT. */
function dumpIfPresent(connection: NetlinkConnection, message: NetlinkMessage): Uint8Array[] {
  try {
    return connection.dump(message);
  } catch (thrown) {
    if (thrown instanceof NetlinkError && thrown.errno === Errno.ENOENT) return [];
    throw thrown;
  }
}

/** Equivalent to: ip route show table TABLE|all [dev] [proto]. The kernel filters where it can (strict checking). */
export function listRoutes(connection: NetlinkConnection, filter: RouteFilter): KernelRoute[] {
  const { family, index = 0, table = 0, protocol = 0 } = filter;
  const body = new BodyWriter().raw(header(family, 0, table < 256 ? table : 0, [protocol, 0, 0]));
  if (table !== 0) body.u32(TABLE, table);
  if (index !== 0) body.u32(OUTPUT_INTERFACE, index);
  const bodies = dumpIfPresent(connection, {
    type: RTM_GETROUTE,
    flags: Flag.request,
    body: body.finish(),
    purpose: `list the IPv${family} routes`,
  });
  return bodies
    .map(readRoute)
    .filter((route) => index === 0 || route.index === index)
    .filter(
      (route) => (table === 0 || route.table === table) && (protocol === 0 || route.protocol === protocol),
    );
}

/** Equivalent to: ip route get ADDRESS. The index of the link traffic leaves by, undefined without a route. */
export function findOutputInterface(connection: NetlinkConnection, address: IpAddress): number | undefined {
  const request = {
    type: RTM_GETROUTE,
    flags: Flag.request,
    body: new BodyWriter()
      .raw(header(address.family, bitsOf(address.family), 0, []))
      .bytes(DESTINATION, toBytes(address))
      .finish(),
    purpose: `look for the route to ${formatIp(address)}`,
  };
  // No route: ENETUNREACH, EHOSTUNREACH, or whatever an unreachable route says.
  const { body } = connection.query(request);
  return body === undefined ? undefined : new Attributes(body, 12).u32(OUTPUT_INTERFACE);
}

/** Indexes of the links that have routes from router advertisements. */
export function linksWithAdvertisedRoutes(connection: NetlinkConnection): number[] {
  return [
    ...new Set(listRoutes(connection, { family: 6, protocol: PROTOCOL_RA }).map((route) => route.index)),
  ];
}

/** Whether the kernel's route does what the wanted one says; what it leaves open may be anything. */
export function satisfies(held: KernelRoute, wanted: Route): boolean {
  const family = wanted.destination.address.family;
  const defaultPriority = family === 6 ? IPV6_DEFAULT_PRIORITY : undefined;
  return (
    isSameCidr(held.destination, wanted.destination) &&
    held.table === (wanted.table ?? MAIN_TABLE) &&
    (wanted.gateway === undefined ||
      (held.gateway !== undefined && isSameIp(held.gateway, wanted.gateway))) &&
    (held.priority ?? 0) === (wanted.priority ?? defaultPriority ?? 0) &&
    (wanted.mtu === undefined || held.mtu === wanted.mtu) &&
    (wanted.advmss === undefined || held.advmss === wanted.advmss) &&
    (family === 6 || held.scope === scopeOf(wanted))
  );
}
