/**
 * Netfilter over netlink: the socket, and what every message of its subsystems begins with.
 * include/uapi/linux/netfilter/nfnetlink.h.
 */
import { NetlinkConnection, Protocol } from "./connection.ts";
import type { NetlinkMessage } from "./message.ts";

/** The upper byte of a message's type. */
export const Subsystem = { conntrack: 1, nftables: 10 } as const;

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

/** Gives `work` a netfilter socket in the namespace of this process, which is the host's, and closes it. */
export function withNetfilter<Value>(work: (connection: NetlinkConnection) => Value): Value {
  const connection = new NetlinkConnection(Protocol.netfilter);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

/**
 * The same for work that removes nf_tables objects. The socket stays open until the process ends. The kernel frees
 * what was removed some 15 ms later, and closing a socket waits for that (nft_rcv_nl_event in nf_tables_api.c), so
 * the caller's next steps go on meanwhile.
 */
export function withNetfilterLeftOpen<Value>(work: (connection: NetlinkConnection) => Value): Value {
  return work(new NetlinkConnection(Protocol.netfilter));
}
