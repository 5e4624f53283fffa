/** Neighbours: the MAC addresses of IP addresses. Constants: include/uapi/linux/neighbour.h. */
import { type Family, formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Errno } from "../system/errno.ts";
import { addressFamily } from "./address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { formatMac } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

/** RTM_*NEIGH. */
export const NeighbourMessage = { new: 28, delete: 29, get: 30 } as const;
/** NDA_*. */
const DESTINATION = 1;
const MAC = 2;
const INTERFACE = 8;
const PROTOCOL = 12;
/** NUD_*. */
export const NeighbourState = { reachable: 0x02, noArp: 0x40, permanent: 0x80 } as const;

export interface Neighbour {
  readonly index: number;
  readonly address: IpAddress;
  /** Lower case, "aa:bb:cc:dd:ee:ff"; empty while the kernel looks for it. */
  readonly mac: string;
  /** Never changed by ARP or neighbour discovery. */
  readonly isPermanent: boolean;
  /** The entry's origin, like rtm_protocol of routes; 0 if unknown. */
  readonly protocol: number;
}

/** struct ndmsg; `flags` are NTF_*. */
export function neighbourHeader(family: number, index: number, state: number, flags = 0): Uint8Array {
  // Family; interface; state and flags.
  return new Uint8Array(Int32Array.of(family, index, state | (flags << 16)).buffer);
}

export interface NeighbourOptions {
  /** One of NeighbourState. */
  readonly state?: number;
  readonly protocol?: number;
}

/**
 * Equivalent to: ip neighbour replace ADDRESS lladdr MAC dev INDEX nud reachable. As after an answer of the neighbour:
 * traffic starts at once, and the entry changes when the neighbour announces another MAC address. A `permanent` entry
 * never changes.
 *
 * The kernel's table of these entries is one for all namespaces. If it is full (net.ipv4.neigh.default.gc_thresh3),
 * the kernel asks the neighbour when there is traffic. Permanent entries do not count (net/core/neighbour.c,
 * neigh_alloc).
 */
export function setNeighbour(
  index: number,
  address: IpAddress,
  mac: Uint8Array,
  { state = NeighbourState.reachable, protocol = 0 }: NeighbourOptions = {},
): NetlinkMessage {
  const body = new BodyWriter()
    .raw(neighbourHeader(addressFamily[address.family], index, state))
    .bytes(DESTINATION, toBytes(address))
    .bytes(MAC, mac);
  if (protocol !== 0) body.u8(PROTOCOL, protocol);
  return {
    type: NeighbourMessage.new,
    flags: Flag.request | Flag.ack | Flag.create | Flag.replace,
    body: body.finish(),
    index,
    get purpose() {
      return `set the neighbour ${formatIp(address)} of`;
    },
    ...(state === NeighbourState.permanent ? {} : { dispensable: Errno.ENOBUFS }),
  };
}

/** Equivalent to: ip neighbour delete ADDRESS dev INDEX. */
export function deleteNeighbour(index: number, address: IpAddress): NetlinkMessage {
  return {
    type: NeighbourMessage.delete,
    flags: Flag.request | Flag.ack,
    body: new BodyWriter()
      .raw(neighbourHeader(addressFamily[address.family], index, 0))
      .bytes(DESTINATION, toBytes(address))
      .finish(),
    index,
    get purpose() {
      return `remove the neighbour ${formatIp(address)} of`;
    },
  };
}

/** The entry of a body; undefined for another address family. */
function readNeighbour(body: Uint8Array): Neighbour | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 12);
  const destination = attributes.bytes(DESTINATION);
  if (destination === undefined) return undefined;
  return {
    index: view.getInt32(4, true),
    address: fromBytes(destination),
    mac: formatMac(attributes.bytes(MAC) ?? new Uint8Array(0)),
    isPermanent: (view.getUint16(8, true) & NeighbourState.permanent) !== 0,
    protocol: attributes.u8(PROTOCOL) ?? 0,
  };
}

/** Requests the neighbours of one family. The kernel filters (strict checking). */
export function listNeighboursMessage(index: number, family: Family): NetlinkMessage {
  return {
    type: NeighbourMessage.get,
    flags: Flag.request,
    body: new BodyWriter()
      .raw(neighbourHeader(addressFamily[family], 0, 0))
      .u32(INTERFACE, index)
      .finish(),
    index,
    purpose: "list the neighbours of",
  };
}

const families: readonly Family[] = [4, 6];

/** Equivalent to: ip neighbour show dev INDEX, for both families. */
export function listNeighbours(connection: NetlinkConnection, index: number): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (const family of families) {
    for (const body of connection.dump(listNeighboursMessage(index, family))) {
      const neighbour = readNeighbour(body);
      // A kernel without this filter sends the neighbours of all interfaces.
      if (neighbour !== undefined && neighbour.index === index) neighbours.push(neighbour);
    }
  }
  return neighbours;
}
