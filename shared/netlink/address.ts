/** IP addresses of links. Constants: include/uapi/linux/if_addr.h. */
import { type Family, fromBytes, type IpAddress, toBytes } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { formatCidr, lastAddress } from "../ip/cidr.ts";
import { Attributes } from "./attributes.ts";
import { BodyWriter } from "./body-writer.ts";
import type { NetlinkConnection } from "./connection.ts";
import { Flag, type NetlinkMessage } from "./message.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
/** AF_INET, AF_INET6. */
export const addressFamily = { 4: 2, 6: 10 } as const;
/** IFA_*. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_TARGET_NETNSID = 10;
/** IFA_F_*. */
const NO_DAD = 0x02;
const DAD_FAILED = 0x08;
const TENTATIVE = 0x40;
const NO_PREFIX_ROUTE = 0x200;

export interface InterfaceAddress {
  readonly index: number;
  readonly cidr: Cidr;
  /** Duplicate address detection still runs: the address is not usable yet. */
  readonly tentative: boolean;
  readonly duplicate: boolean;
  /** The kernel makes no route to its network (noprefixroute). */
  readonly withoutPrefixRoute: boolean;
  /** rtnetlink scope: 0 global, 253 link, 254 host. */
  readonly scope: number;
}

function header(family: number, prefixLength: number, flags: number, index: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set([family, prefixLength, flags, 0]);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return bytes;
}

function addressBody(index: number, cidr: Cidr, flags: number): BodyWriter {
  const { address, prefixLength } = cidr;
  const bytes = toBytes(address);
  // The header has one byte of flags; with larger flags, an attribute has all of them.
  const body = new BodyWriter()
    .raw(header(addressFamily[address.family], prefixLength, flags > 0xff ? 0 : flags, index))
    .bytes(IFA_LOCAL, bytes)
    .bytes(IFA_ADDRESS, bytes);
  return flags > 0xff ? body.u32(IFA_FLAGS, flags) : body;
}

export interface AddressOptions {
  /**
   * Runs duplicate address detection (IPv6). Without it the address is usable at once; IPAM guarantees that it is
   * unique.
   */
  readonly detectDuplicates: boolean;
  /** Adds no route to the address's network: its other addresses are not on the link. */
  readonly withoutPrefixRoute?: boolean;
}

/** Equivalent to: ip address add CIDR dev INDEX [nodad] [noprefixroute]. */
export function addAddress(index: number, cidr: Cidr, options: AddressOptions): NetlinkMessage {
  const { address, prefixLength } = cidr;
  const skip = address.family === 6 && !options.detectDuplicates;
  const routeFlag = options.withoutPrefixRoute === true ? NO_PREFIX_ROUTE : 0;
  const body = addressBody(index, cidr, (skip ? NO_DAD : 0) | routeFlag);
  // Like ip(8) with "brd +": a /31 or /32 has no broadcast address (RFC 3021).
  if (address.family === 4 && prefixLength < 31) body.bytes(IFA_BROADCAST, toBytes(lastAddress(cidr)));
  return {
    type: RTM_NEWADDR,
    flags: Flag.request | Flag.ack | Flag.create | Flag.exclusive,
    body: body.finish(),
    index,
    purpose: `add the address ${formatCidr(cidr)} to`,
  };
}

/** Equivalent to: ip address delete CIDR dev INDEX. */
export function deleteAddress(index: number, cidr: Cidr): NetlinkMessage {
  return {
    type: RTM_DELADDR,
    flags: Flag.request | Flag.ack,
    body: addressBody(index, cidr, 0).finish(),
    index,
    purpose: `remove the address ${formatCidr(cidr)} from`,
  };
}

function readAddress(body: Uint8Array): InterfaceAddress | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = new Attributes(body, 8);
  // IFA_LOCAL is the interface's address; on a point-to-point link IFA_ADDRESS is the peer's.
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
  if (bytes === undefined) return undefined;
  const flags = attributes.u32(IFA_FLAGS) ?? view.getUint8(2);
  return {
    index: view.getUint32(4, true),
    cidr: { address: fromBytes(bytes), prefixLength: view.getUint8(1) },
    tentative: (flags & TENTATIVE) !== 0,
    duplicate: (flags & DAD_FAILED) !== 0,
    withoutPrefixRoute: (flags & NO_PREFIX_ROUTE) !== 0,
    scope: view.getUint8(3),
  };
}

/** Equivalent to: ip address show dev INDEX, in the namespace of that id. Empty where the kernel cannot answer for another namespace. */
export function listPeerAddresses(
  connection: NetlinkConnection,
  namespace: number,
  index: number,
): IpAddress[] {
  return bothFamilies.flatMap((family) => {
    const body = new BodyWriter().raw(header(addressFamily[family], 0, 0, index));
    const bodies = connection.dump({
      type: RTM_GETADDR,
      flags: Flag.request,
      body: body.u32(IFA_TARGET_NETNSID, namespace).finish(),
      purpose: `list the IPv${family} addresses of a peer`,
    });
    // An older kernel ignores the id, and answers with this namespace's addresses.
    const isMeant = (each: Uint8Array) => new Attributes(each, 8).has(IFA_TARGET_NETNSID);
    const addresses = bodies.filter(isMeant).flatMap((each) => readAddress(each) ?? []);
    return addresses.filter((each) => each.index === index).map(({ cidr }) => cidr.address);
  });
}

const bothFamilies: readonly Family[] = [4, 6];

/** Equivalent to: ip [-4|-6] address show [dev INDEX]. The kernel filters (strict checking). */
export function listAddresses(
  connection: NetlinkConnection,
  index = 0,
  families: readonly Family[] = bothFamilies,
): InterfaceAddress[] {
  return families.flatMap((family) => {
    const bodies = connection.dump({
      type: RTM_GETADDR,
      flags: Flag.request,
      body: new BodyWriter().raw(header(addressFamily[family], 0, 0, index)).finish(),
      purpose: `list the IPv${family} addresses`,
    });
    return bodies
      .flatMap((body) => readAddress(body) ?? [])
      .filter((address) => index === 0 || address.index === index);
  });
}
