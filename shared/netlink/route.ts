/** Routes. Constants: include/uapi/linux/rtnetlink.h. */
import { type Family, formatIp, fromBytes, type IpAddress, isSameIp, toBytes } from "../ip/address.ts";
import { type Cidr, defaultRoute, formatCidr, isSameCidr } from "../ip/cidr.ts";
import { Errno } from "../system/errno.ts";
import { addressFamily } from "./address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { NetlinkError } from "./error.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import { RouteAttribute, RouteMessage, routeHeader } from "./route-message.ts";

/** RTAX_*. */
const METRIC_MTU = 2;
const METRIC_ADVMSS = 8;
const MAIN_TABLE = 254;
const UNICAST = 1;
/** RTPROT_BOOT: set by a program such as ip(8); RTPROT_RA: learned from a router advertisement. */
const PROTOCOL_BOOT = 3;
const PROTOCOL_RA = 9;
const SCOPE_LINK = 253;
/** RTNH_F_ONLINK, in rtm_flags: the gateway counts as on the link without a route to it. */
const ONLINK = 4;
/** The kernel's metric for an IPv6 route without one. */
const IPV6_DEFAULT_PRIORITY = 1024;

export interface Route {
  readonly destination: Cidr;
  readonly gateway?: IpAddress | undefined;
  /** The source address of the node's own traffic to the destination. */
  readonly source?: IpAddress | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
  /** rtm_protocol, the route's origin; boot by default, as for ip(8). */
  readonly protocol?: number | undefined;
  /** The gateway is on the link, even if no address of the link contains it. */
  readonly isOnLink?: boolean | undefined;
}

/** A route of the kernel. */
export interface KernelRoute extends Route {
  readonly index: number;
  readonly table: number;
  readonly scope: number;
  readonly protocol: number;
  /** The gateway is that of a nexthop object (ip-nexthop(8)), which the kernel does not show with net.ipv4.nexthop_compat_mode=0. */
  readonly isHopHidden: boolean;
}

/** Without a gateway an IPv4 destination is on the link; IPv6 has no scopes. */
function scopeOf(route: Route): number {
  if (route.scope !== undefined) return route.scope;
  return route.gateway === undefined && route.destination.address.family === 4 ? SCOPE_LINK : 0;
}

function describe(route: Route): string {
  return `${formatCidr(route.destination)}${route.gateway === undefined ? "" : ` via ${formatIp(route.gateway)}`}`;
}

/**
 * How to treat routes with the same destination and metric: come before them (IPv6: beside them, as one route with more gateways),
 * refuse (EEXIST), or replace.
 */
export type Placement = "first" | "exclusive" | "replace";
const placementFlags = { first: 0, exclusive: Flag.exclusive, replace: Flag.replace } as const;

/**
 * Equivalent to: ip route prepend|add|replace DESTINATION [via GATEWAY] dev INDEX [src] [metric] [mtu] [advmss] [table]
 * [scope].
 */
export function addRoute(index: number, route: Route, placement: Placement = "first"): NetlinkMessage {
  return {
    type: RouteMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | placementFlags[placement],
    body: routeBody(index, route),
    index,
    get purpose() {
      return `add the route ${describe(route)} to`;
    },
  };
}

/** Equivalent to: ip route delete DESTINATION [via GATEWAY] dev INDEX [proto]. */
export function deleteRoute(index: number, route: Route): NetlinkMessage {
  return {
    type: RouteMessage.delete,
    flags: Flag.request | Flag.ack,
    body: routeBody(index, route),
    index,
    get purpose() {
      return `remove the route ${describe(route)} of`;
    },
  };
}

function routeBody(index: number, route: Route): Uint8Array {
  const { destination, gateway, source, table = MAIN_TABLE, protocol = PROTOCOL_BOOT } = route;
  const { prefixLength } = destination;
  const { family } = destination.address;
  const flags = route.isOnLink === true ? ONLINK : 0;
  const body = new BodyWriter()
    .raw(routeHeader({ family, prefixLength, table, protocol, scope: scopeOf(route), kind: UNICAST, flags }))
    .u32(RouteAttribute.table, table)
    .u32(RouteAttribute.outputInterface, index);
  if (prefixLength > 0) body.bytes(RouteAttribute.destination, toBytes(destination.address));
  if (gateway !== undefined) body.bytes(RouteAttribute.gateway, toBytes(gateway));
  if (source !== undefined) body.bytes(RouteAttribute.preferredSource, toBytes(source));
  if (route.priority !== undefined) body.u32(RouteAttribute.priority, route.priority);
  if (route.mtu !== undefined || route.advmss !== undefined) {
    body.nested(RouteAttribute.metrics, (metrics) => {
      if (route.mtu !== undefined) metrics.u32(METRIC_MTU, route.mtu);
      if (route.advmss !== undefined) metrics.u32(METRIC_ADVMSS, route.advmss);
    });
  }
  return body.finish();
}

function readRoute(body: Uint8Array): KernelRoute {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 12);
  const family: Family = body[0] === addressFamily[4] ? 4 : 6;
  const address = (type: number): IpAddress | undefined => {
    const bytes = attributes.bytes(type);
    return bytes === undefined ? undefined : { family, value: fromBytes(bytes).value };
  };
  const metrics = attributes.has(RouteAttribute.metrics)
    ? attributes.nested(RouteAttribute.metrics)
    : undefined;
  return {
    destination: {
      address: address(RouteAttribute.destination) ?? defaultRoute(family).address,
      prefixLength: body[1] ?? 0,
    },
    gateway: address(RouteAttribute.gateway),
    source: address(RouteAttribute.preferredSource),
    index: attributes.u32(RouteAttribute.outputInterface) ?? 0,
    priority: attributes.u32(RouteAttribute.priority),
    table: attributes.u32(RouteAttribute.table) ?? body[4] ?? 0,
    protocol: body[5] ?? 0,
    scope: body[6] ?? 0,
    mtu: metrics?.u32(METRIC_MTU),
    advmss: metrics?.u32(METRIC_ADVMSS),
    isOnLink: (view.getUint32(8, true) & ONLINK) !== 0,
    isHopHidden: attributes.has(RouteAttribute.nextHopId) && !attributes.has(RouteAttribute.outputInterface),
  };
}

/** Where the next hops of a route are in their attribute: struct rtnexthop, 8 bytes and attributes each. */
function readNextHops(body: Uint8Array): Pick<KernelRoute, "index" | "gateway">[] {
  const hops: Pick<KernelRoute, "index" | "gateway">[] = [];
  const bytes = new Attributes(body, 12).bytes(RouteAttribute.multipath) ?? new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 8 || at + length > bytes.length) break;
    const gateway = new Attributes(bytes, at + 8, at + length).bytes(RouteAttribute.gateway);
    const index = view.getInt32(at + 4, true);
    hops.push({ index, gateway: gateway === undefined ? undefined : fromBytes(gateway) });
    at += (length + 3) & ~3;
  }
  return hops;
}

/**
 * A route with several next hops is taken apart: the kernel joins IPv6 routes that differ in interface and gateway only, and an operator
 * may join IPv4 routes.
 */
function readRoutes(body: Uint8Array): KernelRoute[] {
  const route = readRoute(body);
  const hops = route.index === 0 ? readNextHops(body) : [];
  return hops.length === 0 ? [route] : hops.map((hop) => ({ ...route, ...hop, isHopHidden: false }));
}

export interface RouteFilter {
  readonly family: Family;
  /** Only routes through this link. */
  readonly index?: number;
  /** 0 or absent: all tables. */
  readonly table?: number;
  readonly protocol?: number;
}

/** A table that never had a route does not exist: ENOENT. */
function dumpIfPresent(connection: NetlinkConnection, message: NetlinkMessage): Uint8Array[] {
  try {
    return connection.dump(message);
  } catch (thrown) {
    if (thrown instanceof NetlinkError && thrown.errno === Errno.ENOENT) return [];
    throw thrown;
  }
}

/** Requests the routes of a filter. Older kernels filter only in part. */
export function listRoutesMessage({
  family,
  index = 0,
  table = 0,
  protocol = 0,
}: RouteFilter): NetlinkMessage {
  const body = new BodyWriter().raw(routeHeader({ family, prefixLength: 0, table, protocol }));
  if (table !== 0) body.u32(RouteAttribute.table, table);
  if (index !== 0) body.u32(RouteAttribute.outputInterface, index);
  return {
    type: RouteMessage.get,
    flags: Flag.request,
    body: body.finish(),
    purpose: `list the IPv${family} routes`,
  };
}

/** Equivalent to: ip route show table TABLE|all [dev] [proto]. The kernel filters if it can (strict checking). */
export function listRoutes(connection: NetlinkConnection, filter: RouteFilter): KernelRoute[] {
  const { index = 0, table = 0, protocol = 0 } = filter;
  return dumpIfPresent(connection, listRoutesMessage(filter))
    .flatMap(readRoutes)
    .filter((route) => index === 0 || route.index === index)
    .filter(
      (route) => (table === 0 || route.table === table) && (protocol === 0 || route.protocol === protocol),
    );
}

/** Indexes of links with routes from router advertisements. */
export function linksWithAdvertisedRoutes(connection: NetlinkConnection): number[] {
  return [
    ...new Set(listRoutes(connection, { family: 6, protocol: PROTOCOL_RA }).map((route) => route.index)),
  ];
}

/** True if the kernel's route has all values of the wanted one. */
export function satisfies(held: KernelRoute, wanted: Route): boolean {
  const family = wanted.destination.address.family;
  const defaultPriority = family === 6 ? IPV6_DEFAULT_PRIORITY : undefined;
  return (
    isSameCidr(held.destination, wanted.destination) &&
    held.table === (wanted.table ?? MAIN_TABLE) &&
    (wanted.gateway === undefined ||
      held.isHopHidden ||
      (held.gateway !== undefined && isSameIp(held.gateway, wanted.gateway))) &&
    (held.priority ?? 0) === (wanted.priority ?? defaultPriority ?? 0) &&
    (wanted.mtu === undefined || held.mtu === wanted.mtu) &&
    (wanted.advmss === undefined || held.advmss === wanted.advmss) &&
    (family === 6 || held.scope === scopeOf(wanted))
  );
}
