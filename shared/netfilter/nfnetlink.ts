/** Messages of the netfilter subsystems: include/uapi/linux/netfilter/nfnetlink.h. */
import type { NetlinkMessage } from "../netlink/message.ts";

/** The upper byte of a message's type. */
export const Subsystem = { conntrack: 1, ipset: 6, nftables: 10 } as const;

/** nfgen_family: include/uapi/linux/netfilter.h. */
export const NetfilterFamily = { inet: 1, ipv4: 2, bridge: 7, ipv6: 10 } as const;

/** struct nfgenmsg: family, version 0, and a resource id in network byte order that only batches use. */
export function nfnetlinkHeader(family: number, resource = 0): Uint8Array {
  return new Uint8Array([family, 0, resource >> 8, resource & 0xff]);
}

/** A message to a subsystem; `body` begins with nfnetlinkHeader. */
export function nfnetlinkMessage(
  subsystem: number,
  command: number,
  flags: number,
  body: Uint8Array,
  purpose: string,
): NetlinkMessage {
  return { type: (subsystem << 8) | command, flags, body, purpose };
}
