/**
 * Forwarding databases of bridges and VXLAN devices: the port or the remote VTEP of a MAC address. Constants:
 * include/uapi/linux/neighbour.h; the messages are those of neighbours in the family AF_BRIDGE.
 */
import { formatIp, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { formatMac, parseMac } from "./link.ts";
import { Flag, type NetlinkMessage } from "./message.ts";
import { NeighbourMessage, NeighbourState, neighbourHeader } from "./neighbour.ts";

const AF_BRIDGE = 7;
/** NDA_*. */
const DESTINATION = 1;
const MAC = 2;
const MASTER = 9;
/** NTF_*: the device's own database (self), or the one of its bridge (master). */
const NTF_SELF = 0x02;
const NTF_MASTER = 0x04;

/** The VXLAN device's destination for unknown addresses; one entry per remote VTEP. */
export const FLOOD_MAC = "00:00:00:00:00:00";

export interface FdbEntry {
  /** Lower case. */
  readonly mac: string;
  /** The remote VTEP in a VXLAN device's own database; undefined in a bridge's. */
  readonly destination: IpAddress | undefined;
}

export interface KernelFdbEntry extends FdbEntry {
  /** Configured: neither learned nor the device's own address. */
  readonly isStatic: boolean;
  /** True for the bridge's database, false for the device's own. */
  readonly isOfBridge: boolean;
}

function message(type: number, flags: number, index: number, entry: FdbEntry, verb: string): NetlinkMessage {
  const { mac, destination } = entry;
  const isOwn = destination !== undefined;
  // NOARP: static, but not the bridge's own address.
  const state = isOwn ? NeighbourState.permanent : NeighbourState.noArp;
  const body = new BodyWriter()
    .raw(neighbourHeader(AF_BRIDGE, index, state, isOwn ? NTF_SELF : NTF_MASTER))
    .bytes(MAC, parseMac(mac) as Uint8Array);
  if (destination !== undefined) body.bytes(DESTINATION, toBytes(destination));
  return {
    type,
    flags: Flag.request | Flag.ack | flags,
    body: body.finish(),
    index,
    get purpose() {
      const where = destination === undefined ? "" : ` behind ${formatIp(destination)}`;
      return `${verb} the forwarding entry of ${mac}${where} on`;
    },
  };
}

/**
 * Equivalent to: bridge fdb append|replace MAC dev INDEX [dst ADDRESS self | master static]. The flood entry is
 * appended, since it has several destinations; any other entry has one, which is replaced.
 */
export function setFdb(index: number, entry: FdbEntry): NetlinkMessage {
  const placement = entry.mac === FLOOD_MAC ? Flag.append : Flag.replace;
  return message(NeighbourMessage.new, Flag.create | placement, index, entry, "add");
}

/** Equivalent to: bridge fdb delete MAC dev INDEX [dst ADDRESS self | master]. */
export function deleteFdb(index: number, entry: FdbEntry): NetlinkMessage {
  return message(NeighbourMessage.delete, 0, index, entry, "remove");
}

/** Requests both databases of a device. */
export function listFdbMessage(index: number): NetlinkMessage {
  return {
    type: NeighbourMessage.get,
    flags: Flag.request,
    body: neighbourHeader(AF_BRIDGE, index, 0),
    index,
    purpose: "list the forwarding entries of",
  };
}

function readEntry(body: Uint8Array): KernelFdbEntry {
  const attributes = new Attributes(body, 12);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const destination = attributes.bytes(DESTINATION);
  const isOfBridge = attributes.has(MASTER);
  // In a bridge, permanent entries are the ports' own addresses.
  const given = isOfBridge ? NeighbourState.noArp : NeighbourState.permanent | NeighbourState.noArp;
  return {
    mac: formatMac(attributes.bytes(MAC) ?? new Uint8Array(0)),
    destination: destination === undefined ? undefined : fromBytes(destination),
    isStatic: (view.getUint16(8, true) & given) !== 0,
    isOfBridge,
  };
}

/** Equivalent to: bridge fdb show dev INDEX. */
export function listFdb(connection: NetlinkConnection, index: number): KernelFdbEntry[] {
  return connection
    .dump(listFdbMessage(index))
    .filter((body) => new DataView(body.buffer, body.byteOffset).getInt32(4, true) === index)
    .map(readEntry);
}
