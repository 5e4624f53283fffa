/** The uplink: the interface through which the node reaches the world. */
import { type IpAddress, parseIp } from "../ip/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLinkByIndex } from "../netlink/link.ts";
import { findOutputInterface } from "../netlink/route-lookup.ts";

/** An address in the world, to ask the routing table about: TEST-NET-1 (RFC 5737) and its IPv6 like (RFC 3849). */
const somewhere = ["192.0.2.1", "2001:db8::1"];

/** ETH_MAX_MTU. */
const LARGEST_VETH_MTU = 65535;

/**
 * The MTU of the interface with the default route, undefined on a node without one. Asked as a lookup, whose
 * cost does not grow with the routes on the node.
 */
export function findUplinkMtu(host: NetlinkConnection): number | undefined {
  for (const text of somewhere) {
    const index = findOutputInterface(host, parseIp(text) as IpAddress);
    const link = index === undefined ? undefined : findLinkByIndex(host, index);
    // "lo" carries what never leaves the node, such as an address that is the node's own.
    if (link !== undefined && !link.isLoopback) return Math.min(link.mtu, LARGEST_VETH_MTU);
  }
  return undefined;
}
