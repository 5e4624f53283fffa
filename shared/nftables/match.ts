/** Matches of addresses, networks and marks, as lists of expressions. Pure. */
import { bitsOf, type Family, toBytes } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { NetfilterFamily } from "../netlink/netfilter.ts";
import {
  Comparison,
  compare,
  type Expression,
  Header,
  loadMeta,
  loadPayload,
  Meta,
  maskBits,
  registerAt,
  storeMeta,
} from "./expression.ts";
import { type DataType, dataTypes } from "./set.ts";

export const familyNumbers = { 4: NetfilterFamily.ipv4, 6: NetfilterFamily.ipv6 } as const;

export const addressTypes: Readonly<Record<Family, DataType>> = {
  4: dataTypes.ipv4Address,
  6: dataTypes.ipv6Address,
};

/** Offsets of the addresses in struct iphdr and struct ipv6hdr. */
const offsets = {
  source: { 4: 12, 6: 8 },
  destination: { 4: 16, 6: 24 },
} as const;

const REGISTER = registerAt(0);

/** Goes on only with packets of the family: the table sees both. */
export function matchFamily(family: Family): Expression[] {
  return [
    loadMeta(Meta.protocolFamily, REGISTER),
    compare(REGISTER, Comparison.equal, new Uint8Array([familyNumbers[family]])),
  ];
}

const UDP = 17;

/** Goes on only with UDP. */
export const matchUdp: readonly Expression[] = [
  loadMeta(Meta.transportProtocol, REGISTER),
  compare(REGISTER, Comparison.equal, new Uint8Array([UDP])),
];

/** Goes on only with UDP to the port. */
export function matchUdpPort(port: number): Expression[] {
  return [
    ...matchUdp,
    // struct udphdr: the source port, then this one.
    loadPayload(Header.transport, 2, 2, REGISTER),
    compare(REGISTER, Comparison.equal, new Uint8Array([port >> 8, port & 0xff])),
  ];
}

/** Loads the whole address; to be used after matchFamily. */
export function loadAddress(end: keyof typeof offsets, family: Family, register = REGISTER): Expression {
  return loadPayload(Header.network, offsets[end][family], bitsOf(family) / 8, register);
}

function maskOf(prefixLength: number, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * at));
    mask[at] = (0xff << (8 - bits)) & 0xff;
  }
  return mask;
}

/**
 * Goes on only with packets from, or to, the network (or only with others); to be used after matchFamily. Only the bytes
 * that count are loaded, as nft does it.
 */
export function matchPrefix(
  end: keyof typeof offsets,
  { address, prefixLength }: Cidr,
  comparison: number = Comparison.equal,
): Expression[] {
  const { family } = address;
  const length = Math.ceil(prefixLength / 8);
  if (length === 0) return [];
  const isWholeBytes = prefixLength % 8 === 0;
  const loaded = isWholeBytes ? length : bitsOf(family) / 8;
  const value = toBytes(address).slice(0, loaded);
  return [
    loadPayload(Header.network, offsets[end][family], loaded, REGISTER),
    ...(isWholeBytes ? [] : [maskBits(REGISTER, maskOf(prefixLength, loaded))]),
    compare(REGISTER, comparison, value),
  ];
}

/** The same, for packets of both families. */
export function matchNetwork(end: keyof typeof offsets, network: Cidr): Expression[] {
  return [...matchFamily(network.address.family), ...matchPrefix(end, network)];
}

/** A number as the kernel has it in a register: in this machine's byte order. */
export function hostOrder(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number >>> 0, true);
  return bytes;
}

/** Sets a bit (0 to 31) of the packet's mark, or clears it. */
export function changeMark(markBit: number, isSet: boolean): Expression[] {
  const bit = 2 ** markBit;
  return [
    loadMeta(Meta.mark, REGISTER),
    maskBits(REGISTER, hostOrder(~bit), hostOrder(isSet ? bit : 0)),
    storeMeta(Meta.mark, REGISTER),
  ];
}

/** Goes on only with packets whose mark has the bit, or only with others. */
export function matchMark(markBit: number, isSet: boolean): Expression[] {
  const bit = hostOrder(2 ** markBit);
  const comparison = isSet ? Comparison.equal : Comparison.notEqual;
  return [loadMeta(Meta.mark, REGISTER), maskBits(REGISTER, bit), compare(REGISTER, comparison, bit)];
}
