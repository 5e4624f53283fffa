/** The uplink: the interface with the default route. */
import { type IpAddress, parseIp } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLinkByIndex, type Link } from "../netlink/link.ts";
import { findOutputInterface } from "../netlink/route-lookup.ts";

/** Addresses to look up in the routing table: TEST-NET-1 (RFC 5737), and the IPv6 prefix for documentation (RFC 3849). */
const outside = ["192.0.2.1", "2001:db8::1"];

/** ETH_MAX_MTU. */
const LARGEST_VETH_MTU = 65535;

/** The interface with the default route, IPv4 first. A lookup: its cost does not grow with the routes on the node. */
export function findUplink(host: NetlinkConnection): Link | undefined {
  for (const text of outside) {
    const index = findOutputInterface(host, parseIp(text) as IpAddress);
    const link = index === undefined ? undefined : findLinkByIndex(host, index);
    // A lookup of one of the node's own addresses gives "lo".
    if (link !== undefined && !link.isLoopback) return link;
  }
  return undefined;
}

export function findUplinkMtu(host: NetlinkConnection): number | undefined {
  const uplink = findUplink(host);
  return uplink === undefined ? undefined : Math.min(uplink.mtu, LARGEST_VETH_MTU);
}
