/** Neighbours: which MAC address an IP address has. Constants: include/uapi/linux/neighbour.h. */
import { formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { addressFamily } from "./address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { formatMac } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
/** NDA_*. */
const DESTINATION = 1;
const MAC = 2;
const INTERFACE = 8;
/** NUD_*. */
const REACHABLE = 0x02;
const PERMANENT = 0x80;

export interface Neighbour {
  readonly index: number;
  readonly address: IpAddress;
  /** Lower case, "aa:bb:cc:dd:ee:ff"; empty while it is looked for. */
  readonly mac: string;
  /** Stays as it is, whatever the neighbour says. */
  readonly isPermanent: boolean;
}

/** struct ndmsg. */
function header(family: number, index: number, state: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, family);
  view.setInt32(4, index, true);
  view.setUint16(8, state, true);
  return bytes;
}

/**
 * Equivalent to: ip neighbour replace ADDRESS lladdr MAC dev INDEX nud reachable. As if the neighbour had just been
 * asked: traffic starts at once, and the entry follows when the neighbour announces another MAC address.
 */
export function setNeighbour(index: number, address: IpAddress, mac: Uint8Array): NetlinkMessage {
  return {
    type: RTM_NEWNEIGH,
    flags: Flag.request | Flag.ack | Flag.create | Flag.replace,
    body: new BodyWriter()
      .raw(header(addressFamily[address.family], index, REACHABLE))
      .bytes(DESTINATION, toBytes(address))
      .bytes(MAC, mac)
      .finish(),
    purpose: `tell interface number ${index} of its neighbour ${formatIp(address)}`,
  };
}

/** The entry of a body, undefined for one of another protocol. */
function readNeighbour(body: Uint8Array): Neighbour | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 12);
  const destination = attributes.bytes(DESTINATION);
  if (destination === undefined) return undefined;
  return {
    index: view.getInt32(4, true),
    address: fromBytes(destination),
    mac: formatMac(attributes.bytes(MAC) ?? new Uint8Array(0)),
    isPermanent: (view.getUint16(8, true) & PERMANENT) !== 0,
  };
}

/** Equivalent to: ip neighbour show dev INDEX, of both families. The filter is the kernel's (strict checking). */
export function listNeighbours(connection: NetlinkConnection, index: number): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (const family of [addressFamily[4], addressFamily[6]]) {
    const bodies = connection.dump({
      type: RTM_GETNEIGH,
      flags: Flag.request,
      body: new BodyWriter()
        .raw(header(family, 0, 0))
        .u32(INTERFACE, index)
        .finish(),
      purpose: `list the neighbours of interface number ${index}`,
    });
    for (const body of bodies) {
      const neighbour = readNeighbour(body);
      // A kernel that does not filter sends those of all interfaces.
      if (neighbour !== undefined && neighbour.index === index) neighbours.push(neighbour);
    }
  }
  return neighbours;
}
