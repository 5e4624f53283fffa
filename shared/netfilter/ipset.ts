/**
 * IP sets as messages: include/uapi/linux/netfilter/ipset/ip_set.h. Pure bytes, sent over a netfilter socket.
 *
 * Two types are built, both with comments, for the name of each element's owner, and of one family: hash:ip holds
 * addresses, hash:net,port networks with a protocol and a port.
 */
import { type Family, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import { Attributes, readAttributes } from "../netlink/attributes.ts";
import { BodyWriter } from "../netlink/body-writer.ts";
import { Flag, type NetlinkMessage } from "../netlink/message.ts";
import { NetfilterFamily, nfnetlinkHeader, nfnetlinkMessage, Subsystem } from "./nfnetlink.ts";
import { findText } from "./search.ts";

const Command = { create: 2, destroy: 3, list: 7, add: 9, delete: 10, test: 11 } as const;

const Attribute = { protocol: 1, setName: 2, typeName: 3, revision: 4, family: 5, data: 7, adt: 8 } as const;

/** Attributes inside `data`: of a set, or of an element. */
const Data = { ip: 1, cidr: 3, port: 4, protocol: 7, flags: 8, maxElements: 19, comment: 26 } as const;

const IPADDR_IPV4 = 1;
const IPADDR_IPV6 = 2;

/** The kernel takes numbers and addresses only with this bit set in the attribute's type. */
const NLA_F_NET_BYTEORDER = 0x4000;

/** Newer kernels speak 7, and still take 6. */
const IPSET_PROTOCOL = 6;

/** Each with its first revision that has comments; newer kernels take older revisions. */
export const setTypes = {
  addresses: { name: "hash:ip", revision: 2 },
  services: { name: "hash:net,port", revision: 5 },
} as const;

export type SetType = (typeof setTypes)[keyof typeof setTypes];

const WITH_COMMENT = 1 << 4;

/** What the kernel refuses with, beside errno values. */
export const IpsetErrno = {
  /** The type, or comments in it, are not in this kernel. */
  findType: 4098,
  /** The set has the name, but not the type or the options asked for. */
  typeMismatch: 4102,
  /** The element is there already, or for delete and test: is not there. */
  exist: 4103,
  referenced: 4108,
  /** The set was made without comments. */
  comment: 4112,
  /** As many elements as the set was made for. */
  full: 4352,
} as const;

/** What an element of hash:net,port has beside its address. */
export interface Service {
  /** Of the network that the address begins; not 0, which the kernel refuses. */
  readonly prefixLength: number;
  /** IPPROTO_TCP and so on. */
  readonly protocol: number;
  readonly port: number;
}

/** What tells an element from the others of its set. */
export interface SetKey {
  readonly address: IpAddress;
  readonly service?: Service;
}

export interface SetElement extends SetKey {
  readonly comment: string;
}

function familyNumber(family: Family): number {
  return family === 4 ? NetfilterFamily.ipv4 : NetfilterFamily.ipv6;
}

function startMessage(set: string, family: number): BodyWriter {
  return new BodyWriter()
    .raw(nfnetlinkHeader(family))
    .u8(Attribute.protocol, IPSET_PROTOCOL)
    .text(Attribute.setName, set);
}

function setMessage(command: number, flags: number, writer: BodyWriter, purpose: string): NetlinkMessage {
  return nfnetlinkMessage(Subsystem.ipset, command, Flag.request | flags, writer.finish(), purpose);
}

function writeKey(writer: BodyWriter, { address, service }: SetKey): void {
  const type = address.family === 4 ? IPADDR_IPV4 : IPADDR_IPV6;
  writer.nested(Data.ip, (inner) => inner.bytes(type | NLA_F_NET_BYTEORDER, toBytes(address)));
  if (service === undefined) return;
  writer.u8(Data.cidr, service.prefixLength).u16be(Data.port | NLA_F_NET_BYTEORDER, service.port);
  writer.u8(Data.protocol, service.protocol);
}

/**
 * Creates a set. One that exists with the same type and options is kept, elements and all; with `exclusive`, any that
 * exists is refused with EEXIST.
 */
export function createSet(
  set: string,
  family: Family,
  maxElements: number,
  exclusive = false,
  type: SetType = setTypes.addresses,
): NetlinkMessage {
  const writer = startMessage(set, familyNumber(family))
    .text(Attribute.typeName, type.name)
    .u8(Attribute.revision, type.revision)
    .u8(Attribute.family, familyNumber(family))
    .nested(Attribute.data, (data) => {
      data.u32be(Data.flags | NLA_F_NET_BYTEORDER, WITH_COMMENT);
      data.u32be(Data.maxElements | NLA_F_NET_BYTEORDER, maxElements);
    });
  const flags = Flag.ack | Flag.create | (exclusive ? Flag.exclusive : 0);
  return setMessage(Command.create, flags, writer, `create the IP set ${set}`);
}

/** Removes a set; refused while a rule refers to it. */
export function destroySet(set: string): NetlinkMessage {
  return setMessage(Command.destroy, Flag.ack, startMessage(set, 0), `remove the IP set ${set}`);
}

/** Puts an element into a set. If it is there already, it gets the comment: without EXCL the kernel overwrites. */
export function addElement(set: string, element: SetElement): NetlinkMessage {
  const writer = startMessage(set, familyNumber(element.address.family)).nested(Attribute.data, (data) => {
    writeKey(data, element);
    data.text(Data.comment, element.comment);
  });
  return setMessage(Command.add, Flag.ack, writer, `add an address to the IP set ${set}`);
}

function keyMessage(command: number, flags: number, set: string, key: SetKey, purpose: string) {
  const writer = startMessage(set, familyNumber(key.address.family)).nested(Attribute.data, (data) =>
    writeKey(data, key),
  );
  return setMessage(command, flags, writer, purpose);
}

/** Takes an element out of a set; a missing one is fine, a missing set is ENOENT. */
export function deleteElement(set: string, key: SetKey): NetlinkMessage {
  const purpose = `remove an address from the IP set ${set}`;
  return keyMessage(Command.delete, Flag.ack, set, key, purpose);
}

/** Asks whether an element is in a set: refused with IpsetErrno.exist if it is not. */
export function testElement(set: string, key: SetKey): NetlinkMessage {
  const purpose = `look an address up in the IP set ${set}`;
  return keyMessage(Command.test, Flag.ack | Flag.exclusive, set, key, purpose);
}

/** For NetlinkConnection.dump; a missing set is ENOENT. */
export function listSet(set: string): NetlinkMessage {
  return setMessage(Command.list, 0, startMessage(set, 0), `list the IP set ${set}`);
}

/**
 * The elements in the answers to listSet whose comment contains `part`. The bytes are searched before anything is
 * decoded: the sets of a node hold many elements, and the caller wants few.
 */
export function findElements(bodies: readonly Uint8Array[], part: string): SetElement[] {
  return bodies.flatMap((body) => {
    if (findText(body, part) < 0) return [];
    // After struct nfgenmsg.
    const list = new Attributes(body, 4).bytes(Attribute.adt);
    const elements = list === undefined ? [] : readAttributes(list);
    return elements.flatMap(({ value }) => (findText(value, part) < 0 ? [] : readElement(value, part)));
  });
}

function readElement(bytes: Uint8Array, part: string): SetElement[] {
  const data = new Attributes(bytes);
  const ip = data.nested(Data.ip);
  const address = ip.bytes(IPADDR_IPV4) ?? ip.bytes(IPADDR_IPV6);
  const comment = data.text(Data.comment) ?? "";
  // The part may also have been found in the address.
  if (address === undefined || !comment.includes(part)) return [];
  const port = data.u16be(Data.port);
  if (port === undefined) return [{ address: fromBytes(address), comment }];
  const prefixLength = data.u8(Data.cidr) ?? 8 * address.length;
  const service = { prefixLength, protocol: data.u8(Data.protocol) ?? 0, port };
  return [{ address: fromBytes(address), service, comment }];
}
