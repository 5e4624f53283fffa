/** MAC addresses for the interfaces that plugins create. All are locally administered (IEEE 802: second-lowest bit of the first byte). */
import { ownerHash } from "../cni/attachment.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import { formatIp, type IpAddress, toBytes } from "../ip/address.ts";
import type { Cidr } from "../ip/cidr.ts";
import { sha512 } from "../system/hash.ts";
import { randomBytes } from "../system/random.ts";

function bytesOf(hexadecimal: string, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at++) bytes[at] = Number.parseInt(hexadecimal.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

function makeLocal(bytes: Uint8Array): Uint8Array {
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return bytes;
}

/** 0a:58, the prefix that Kubernetes networks use for addresses made from an IPv4 address, and four bytes. */
function withPrefix(rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array([0x0a, 0x58, 0, 0, 0, 0]);
  bytes.set(rest, 2);
  return bytes;
}

/** The MAC address that is derived from an IP address: neighbour entries of a reused IP address stay right. */
export function macOfIp(ip: IpAddress): Uint8Array {
  return withPrefix(ip.family === 4 ? toBytes(ip) : bytesOf(sha512(formatIp(ip)), 4));
}

/** The container's address: derived from its first IPv4 address, else from its first address, else from the attachment. */
export function containerMac(owner: AttachmentKey, addresses: readonly Cidr[]): Uint8Array {
  const ip = (addresses.find((cidr) => cidr.address.family === 4) ?? addresses[0])?.address;
  return ip === undefined ? makeLocal(bytesOf(ownerHash(owner), 6)) : macOfIp(ip);
}

/** The address of the host's end. It is set so that udev does not change it (MACAddressPolicy). */
export function hostMac(owner: AttachmentKey): Uint8Array {
  return makeLocal(bytesOf(ownerHash(owner).slice(12), 6));
}

/** An address for a new bridge. */
export function randomMac(): Uint8Array {
  return makeLocal(randomBytes(6));
}
