/** The key `mtu`, and its default. */
import type { Fields } from "../cni/fields.ts";
import type { Cidr } from "../ip/cidr.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { statedFamilies } from "./stated-families.ts";
import { findUplinkMtu } from "./uplink.ts";

/** The smallest MTU of IPv4 (RFC 791), and the largest veth(4) takes. */
const SMALLEST_MTU = 68;
const LARGEST_MTU = 65535;
/** RFC 8200, section 5. The kernel takes IPv6 away from an interface with less. */
export const SMALLEST_IPV6_MTU = 1280;
const DEFAULT_MTU = 1500;

/**
 * Reads `mtu`, of a kind of interface that takes up to `largest`. Undefined: absent or 0, which is `zero`, for errors. Throws codes 6
 * and 7.
 */
export function readMtu(
  fields: Fields,
  zero: string | number = "the uplink's",
  largest = LARGEST_MTU,
): number | undefined {
  const mtu = fields.integer("mtu") ?? 0;
  if (mtu === 0) return undefined;
  if (mtu < SMALLEST_IPV6_MTU && statedFamilies(fields).includes(6)) {
    const advice = `give at least ${SMALLEST_IPV6_MTU} (RFC 8200), or take the IPv6 range out of "ipam"`;
    throw fields.invalid("mtu", `is ${mtu}, too small for the IPv6 addresses of this network`, advice);
  }
  if (mtu >= SMALLEST_MTU && mtu <= largest) return mtu;
  throw fields.invalid(
    "mtu",
    `is ${mtu}`,
    `give a number from ${SMALLEST_MTU} to ${largest}, or 0 for ${zero}`,
  );
}

/**
 * The MTU of a new interface: the configured one, else the uplink's, else `fallback`. One that is not configured is large enough for the
 * addresses: behind a tunnel of less than 1280 a dual-stack container still has its IPv6 on the node.
 */
export function chooseMtu(
  host: NetlinkConnection,
  configured: number | undefined,
  addresses: readonly Cidr[],
  fallback = DEFAULT_MTU,
): number {
  if (configured !== undefined) return configured;
  const found = findUplinkMtu(host) ?? fallback;
  return addresses.some(({ address }) => address.family === 6) ? Math.max(found, SMALLEST_IPV6_MTU) : found;
}
