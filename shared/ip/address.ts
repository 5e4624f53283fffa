/**
 * IP addresses as values: the family and a number, so ranges are arithmetic.
 *
 * ip-num does the same and is the oracle of this module's property tests. It converts by texts of ones and zeros:
 * parsing and formatting an address takes it 29 us (IPv6: 235), this module 3 us (12). A call needs that some twenty
 * times, and thousands of times with many peers or ports.
 */

export type Family = 4 | 6;

export interface IpAddress {
  readonly family: Family;
  readonly value: bigint;
}

const width = { 4: 32, 6: 128 } as const;

/** The number of bits in an address of the family. */
export function bitsOf(family: Family): 32 | 128 {
  return width[family];
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;
const LOWER_A = 97;

function parseIpv4(text: string): bigint | undefined {
  let value = 0;
  let dots = 0;
  // -1 before a part's first digit.
  let part = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT && part >= 0 && dots < 3) {
      value = value * 256 + part;
      part = -1;
      dots++;
      continue;
    }
    const digit = code - ZERO;
    // No leading zeros: some readers parse "010" as octal, so one text would mean two addresses.
    if (digit < 0 || digit > 9 || part === 0) return undefined;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return undefined;
  }
  return dots === 3 && part >= 0 ? BigInt(value * 256 + part) : undefined;
}

/** Parses one to four hexadecimal digits; otherwise returns -1. */
function parseGroup(text: string): number {
  if (text.length < 1 || text.length > 4) return -1;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Bit 5 makes a letter lower case.
    const letter = (code | 0x20) - LOWER_A;
    const digit = code >= ZERO && code <= NINE ? code - ZERO : letter >= 0 && letter < 6 ? letter + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** The 16-bit groups on one side of "::"; the last may be dotted. */
function parseGroups(text: string, mayBeDotted: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const part of parts) {
    if (mayBeDotted && groups.length === parts.length - 1 && part.includes(".")) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      groups.push(Number(tail >> 16n), Number(tail & 0xffffn));
      return groups;
    }
    const group = parseGroup(part);
    if (group < 0) return undefined;
    groups.push(group);
  }
  return groups;
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  const [left = "", right] = halves;
  if (halves.length > 2) return undefined;
  // The dotted form is only valid at the end.
  const head = parseGroups(left, right === undefined);
  const tail = parseGroups(right ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const pair = (at: number) => BigInt((groups[at] ?? 0) * 0x10000 + (groups[at + 1] ?? 0));
  return (pair(0) << 96n) | (pair(2) << 64n) | (pair(4) << 32n) | pair(6);
}

/**
 * Parses "10.1.0.2" or "fd00::2"; undefined if the text is not an address. An IPv4-mapped address is IPv4, as in Go.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(":")) {
    const value = parseIpv4(text);
    return value === undefined ? undefined : { family: 4, value };
  }
  const value = parseIpv6(text);
  if (value === undefined) return undefined;
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** Formats an address: dotted, or RFC 5952 (lower case, the longest run of zeros shortened). */
export function formatIp(address: IpAddress): string {
  if (address.family === 4) return formatIpv4(Number(address.value));
  const groups: string[] = [];
  for (let shift = 96n; shift >= 0n; shift -= 32n) {
    const pair = Number((address.value >> shift) & 0xffffffffn);
    groups.push((pair >>> 16).toString(16), (pair & 0xffff).toString(16));
  }
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(":");
  return `${groups.slice(0, run.start).join(":")}::${groups.slice(run.start + run.length).join(":")}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at <= groups.length; at++) {
    if (groups[at] === "0") continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}

/** Network byte order: 4 or 16 bytes. */
export function toBytes({ family, value }: IpAddress): Uint8Array {
  const bytes = new Uint8Array(bitsOf(family) / 8);
  if (family === 4) {
    const number = Number(value);
    bytes[0] = number >>> 24;
    bytes[1] = number >>> 16;
    bytes[2] = number >>> 8;
    bytes[3] = number;
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, value >> 64n);
  view.setBigUint64(8, value & 0xffffffffffffffffn);
  return bytes;
}

/** Reads 4 or 16 bytes in network byte order. */
export function fromBytes(bytes: Uint8Array): IpAddress {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  if (length === 4) return { family: 4, value: BigInt(view.getUint32(0)) };
  if (length === 16) return { family: 6, value: (view.getBigUint64(0) << 64n) | view.getBigUint64(8) };
  // A key of another length is not an address: other programs' sets may have any.
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: 6, value };
}

export function isSameIp(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.value === b.value;
}

/** An address as a key of a Map. */
export type IpKey = number | string;

/**
 * The unique key of an address. Not the number itself: the engine hashes 32 bits of each 64 of a large BigInt
 * (map_hash_key in quickjs.c). A Map of networks that differ in other bits, such as 2001:db8::/32 and 2001:db9::/32,
 * would become a list.
 */
export function ipKey({ family, value }: IpAddress): IpKey {
  return family === 4 ? Number(value) : value.toString(16);
}

/** The address plus `count`. */
export function addToIp(address: IpAddress, count: bigint): IpAddress {
  return { family: address.family, value: address.value + count };
}

export function isUnspecified(address: IpAddress): boolean {
  return address.value === 0n;
}

/** IPv6 link-local, fe80::/10 (RFC 4291). */
export function isLinkLocal(address: IpAddress): boolean {
  return address.family === 6 && address.value >> 118n === 0x3fan;
}

/** 127.0.0.0/8 (RFC 1122) and ::1 (RFC 4291). */
export function isLoopback({ family, value }: IpAddress): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n;
}

/** 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291). */
export function isMulticast({ family, value }: IpAddress): boolean {
  return family === 4 ? value >> 28n === 0xen : value >> 120n === 0xffn;
}

/** 255.255.255.255: all hosts on the link (RFC 919). */
export function isLimitedBroadcast({ family, value }: IpAddress): boolean {
  return family === 4 && value === 0xffffffffn;
}
