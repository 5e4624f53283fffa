/** What all messages about routes share. Constants: include/uapi/linux/rtnetlink.h. */
import type { Family } from "../ip/address.ts";
import { addressFamily } from "./address.ts";

/** RTM_*ROUTE. */
export const RouteMessage = { new: 24, delete: 25, get: 26 } as const;
/** RTA_*. */
export const RouteAttribute = {
  destination: 1,
  outputInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  nextHopId: 30,
} as const;

interface Header {
  readonly family: Family;
  /** The destination's prefix length. */
  readonly prefixLength: number;
  /** A number from 256 on fits only into an attribute. */
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  /** RTN_*. */
  readonly kind?: number;
  /** RTNH_F_*. */
  readonly flags?: number;
}

/** struct rtmsg. */
export function routeHeader({
  family,
  prefixLength,
  table = 0,
  protocol = 0,
  scope = 0,
  kind = 0,
  flags = 0,
}: Header) {
  const bytes = new Uint8Array(12);
  bytes[0] = addressFamily[family];
  bytes[1] = prefixLength;
  bytes[4] = table < 256 ? table : 0;
  bytes[5] = protocol;
  bytes[6] = scope;
  bytes[7] = kind;
  bytes[8] = flags;
  return bytes;
}
