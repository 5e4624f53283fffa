/** Links: reading them, and changes common to all kinds. Constants: include/uapi/linux/if_link.h, rtnetlink.h. */
import { Errno } from "../system/errno.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

export const LinkMessage = { new: 16, delete: 17, get: 18, set: 19 } as const;

/** IFLA_*: attributes of a link. */
export const LinkAttribute = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protocolInfo: 12,
  queueLength: 13,
  operationalState: 16,
  linkMode: 17,
  linkInfo: 18,
  alias: 20,
  familySpecific: 26,
  namespaceDescriptor: 28,
  extendedMask: 29,
  promiscuity: 30,
  peerNamespaceId: 37,
  targetNamespaceId: 46,
} as const;

/** IFLA_INFO_*: attributes of IFLA_LINKINFO. */
export const LinkInfo = { kind: 1, data: 2, portKind: 4, portData: 5 } as const;

/** IFF_*: interface flags. */
export const LinkFlag = { up: 0x1, loopback: 0x8, promiscuous: 0x100, allMulticast: 0x200 } as const;

/** IF_OPER_* (RFC 2863). Up: frames pass. Dormant: ready, but waiting for an external event. Drivers that tell nothing leave unknown. */
export const OperationalState = { unknown: 0, dormant: 5, up: 6 } as const;

/** RTEXT_FILTER_SKIP_STATS: counters are most bytes of an answer. */
const SKIP_STATISTICS = 8;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Lower case, "aa:bb:cc:dd:ee:ff". */
  readonly mac: string;
  readonly mtu: number;
  readonly flags: number;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** "veth", "bridge", ...; empty for a physical device. */
  readonly kind: string;
  /** The index of its bridge or other master; 0 for none. */
  readonly master: number;
  /** IFLA_LINK: for a veth, its peer's index in the peer's namespace; 0 for none. */
  readonly peer: number;
  /** IFLA_LINK_NETNSID: this namespace's number for that of the peer. Absent if both are in one, -1 if the other one is gone. */
  readonly peerNamespace?: number;
  readonly alias: string;
  readonly operationalState: number;
  readonly promiscuity: number;
  /** How many packets may wait (txqueuelen). */
  readonly queueLength: number;
  /** IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA, parsed by the modules of the kinds. */
  readonly data: Attributes;
  readonly portData: Attributes;
}

/** Two digits for each byte, and back. Tables, since a forwarding database has thousands of addresses. */
const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const values = new Map(digits.map((text, byte) => [text, byte]));

/** Formats bytes as "aa:bb:...". */
export function formatMac(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++)
    text += at === 0 ? digits[bytes[at] ?? 0] : `:${digits[bytes[at] ?? 0]}`;
  return text;
}

const MAC = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$|^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i;

/**
 * Parses "aa:bb:cc:dd:ee:ff" to six bytes, also with "-" or in dotted groups of four digits; undefined if it is not a
 * MAC-48.
 */
export function parseMac(text: string): Uint8Array | undefined {
  if (!MAC.test(text)) return undefined;
  const lower = text.toLowerCase();
  // "aabb.ccdd.eeff" has a separator after every second byte.
  const isDotted = text.length === 14;
  const bytes = new Uint8Array(6);
  for (let at = 0; at < 6; at++) {
    const start = isDotted ? 2 * at + (at >> 1) : 3 * at;
    bytes[at] = values.get(lower.slice(start, start + 2)) ?? 0;
  }
  return bytes;
}

/** struct ifinfomsg. `change` is the mask of the flags to set. */
export function linkHeader(index: number, flags = 0, change = 0, family = 0): Uint8Array {
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint8(0, family);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return header;
}

export function readLink(body: Uint8Array): Link {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 16);
  const flags = view.getUint32(8, true);
  const info = attributes.nested(LinkAttribute.linkInfo);
  const peerNamespace = attributes.u32(LinkAttribute.peerNamespaceId);
  return {
    index: view.getInt32(4, true),
    name: attributes.text(LinkAttribute.name) ?? "",
    mac: formatMac(attributes.bytes(LinkAttribute.address) ?? new Uint8Array(0)),
    mtu: attributes.u32(LinkAttribute.mtu) ?? 0,
    flags,
    isUp: (flags & LinkFlag.up) !== 0,
    isLoopback: (flags & LinkFlag.loopback) !== 0,
    kind: info.text(LinkInfo.kind) ?? "",
    master: attributes.u32(LinkAttribute.master) ?? 0,
    peer: attributes.u32(LinkAttribute.link) ?? 0,
    ...(peerNamespace === undefined ? {} : { peerNamespace: peerNamespace | 0 }),
    alias: attributes.text(LinkAttribute.alias) ?? "",
    operationalState: attributes.u8(LinkAttribute.operationalState) ?? 0,
    promiscuity: attributes.u32(LinkAttribute.promiscuity) ?? 0,
    queueLength: attributes.u32(LinkAttribute.queueLength) ?? 0,
    data: info.nested(LinkInfo.data),
    portData: info.nested(LinkInfo.portData),
  };
}

function get(body: BodyWriter, purpose: string): NetlinkMessage {
  const complete = body.u32(LinkAttribute.extendedMask, SKIP_STATISTICS).finish();
  return { type: LinkMessage.get, flags: Flag.request, body: complete, purpose };
}

function find(connection: NetlinkConnection, message: NetlinkMessage): Link | undefined {
  const { body, error } = connection.query(message);
  if (error !== undefined && error.errno !== Errno.ENODEV) throw error;
  return body === undefined ? undefined : readLink(body);
}

/** Equivalent to: ip link show dev NAME. Undefined if it does not exist. */
export function findLink(connection: NetlinkConnection, name: string): Link | undefined {
  const body = new BodyWriter().raw(linkHeader(0)).text(LinkAttribute.name, name);
  return find(connection, get(body, `look for the interface ${name}`));
}

/** The link with an index; undefined if it does not exist. */
export function findLinkByIndex(connection: NetlinkConnection, index: number): Link | undefined {
  return find(connection, get(new BodyWriter().raw(linkHeader(index)), `look for interface number ${index}`));
}

/**
 * The other end of a link such as a veth, in whatever namespace it is. Undefined if that namespace has no process, mount or open file
 * any more: the kernel then removes the pair soon.
 */
export function findPeer(connection: NetlinkConnection, { peer, peerNamespace }: Link): Link | undefined {
  if (peer === 0 || peerNamespace === -1) return undefined;
  if (peerNamespace === undefined) return findLinkByIndex(connection, peer);
  const body = new BodyWriter().raw(linkHeader(peer)).u32(LinkAttribute.targetNamespaceId, peerNamespace);
  const answer = connection.query(get(body, `look for interface number ${peer} of another namespace`));
  // EINVAL: rtnl_get_net_ns_capable (net/core/rtnetlink.c) finds no living namespace of that number.
  if (answer.error?.errno === Errno.EINVAL) return undefined;
  if (answer.error !== undefined && answer.error.errno !== Errno.ENODEV) throw answer.error;
  return answer.body === undefined ? undefined : readLink(answer.body);
}

/** Equivalent to: ip link show. */
export function listLinks(connection: NetlinkConnection): Link[] {
  return connection.dump(get(new BodyWriter().raw(linkHeader(0)), "list the interfaces")).map(readLink);
}

export interface LinkChange {
  /** The new name; the target needs an index then. Refused with EBUSY for a link that is up, before 6.2. */
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: Uint8Array;
  readonly alias?: string;
  readonly master?: number;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
  readonly queueLength?: number;
}

interface Target {
  readonly index?: number;
  readonly name?: string;
}

/** The purpose of a message about one interface, by name if that is known. */
function subjectOf(verb: string, { index = 0, name }: Target): Pick<NetlinkMessage, "purpose" | "index"> {
  return name === undefined ? { purpose: verb, index } : { purpose: `${verb} the interface ${name}` };
}

/** Equivalent to: ip link set dev NAME ... */
export function setLink(target: Target, change: LinkChange): NetlinkMessage {
  const body = new BodyWriter().raw(headerOf(target.index ?? 0, change));
  if (target.index === undefined && target.name !== undefined) body.text(LinkAttribute.name, target.name);
  if (change.name !== undefined) body.text(LinkAttribute.name, change.name);
  if (change.mtu !== undefined) body.u32(LinkAttribute.mtu, change.mtu);
  if (change.mac !== undefined) body.bytes(LinkAttribute.address, change.mac);
  if (change.alias !== undefined) body.text(LinkAttribute.alias, change.alias);
  if (change.queueLength !== undefined) body.u32(LinkAttribute.queueLength, change.queueLength);
  if (change.master !== undefined) body.u32(LinkAttribute.master, change.master);
  return {
    type: LinkMessage.set,
    flags: Flag.request | Flag.ack,
    body: body.finish(),
    ...subjectOf(`set ${Object.keys(change).join(", ")} of`, target),
  };
}

/** The flags to set or clear, of struct ifinfomsg. */
function headerOf(index: number, { up, promiscuous, allMulticast }: LinkChange): Uint8Array {
  const wanted = [
    [up, LinkFlag.up],
    [promiscuous, LinkFlag.promiscuous],
    [allMulticast, LinkFlag.allMulticast],
  ] as const;
  let flags = 0;
  let change = 0;
  for (const [isSet, flag] of wanted) {
    if (isSet === undefined) continue;
    change |= flag;
    if (isSet) flags |= flag;
  }
  return linkHeader(index, flags, change);
}

/** Equivalent to: ip link delete dev NAME. */
export function deleteLink(target: Target): NetlinkMessage {
  const body = new BodyWriter().raw(linkHeader(target.index ?? 0));
  if (target.name !== undefined) body.text(LinkAttribute.name, target.name);
  const subject = subjectOf("delete", target);
  return { type: LinkMessage.delete, flags: Flag.request | Flag.ack, body: body.finish(), ...subject };
}
