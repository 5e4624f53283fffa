/** The uplink: the interface with the default route. */
import { type IpAddress, parseIp } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLinkByIndex, type Link } from "../netlink/link.ts";
import { findRoute } from "../netlink/route-lookup.ts";

/**
 * Addresses to look up in the routing table: those for documentation (RFC 5737, RFC 3849). Several, since a node may have a route to one
 * of them, such as a blackhole, that is not its default route.
 */
const outside = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"];

/** ETH_MAX_MTU. */
const LARGEST_VETH_MTU = 65535;

/**
 * The interface with the default route, IPv4 first. A lookup: its cost does not grow with the routes on the node. Where the kernel
 * does not say which route it has found (before 4.13), the first interface that leads outside.
 */
export function findUplink(host: NetlinkConnection): Link | undefined {
  let other: Link | undefined;
  for (const text of outside) {
    const route = findRoute(host, parseIp(text) as IpAddress);
    const link = route === undefined ? undefined : findLinkByIndex(host, route.index);
    // A lookup of one of the node's own addresses gives "lo".
    if (link === undefined || link.isLoopback) continue;
    if (route?.isDefault === true) return link;
    other ??= link;
  }
  return other;
}

export function findUplinkMtu(host: NetlinkConnection): number | undefined {
  const uplink = findUplink(host);
  return uplink === undefined ? undefined : Math.min(uplink.mtu, LARGEST_VETH_MTU);
}
