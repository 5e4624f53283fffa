/** Derives the MAC address of a VXLAN device from its outer address. */
import { formatIp, type IpAddress, toBytes } from "../../shared/ip/address.ts";
import { formatMac } from "../../shared/netlink/link.ts";
import { sha512 } from "../../shared/system/hash.ts";

/**
 * All nodes derive the same address, so peers need not exchange it, and a recreated device has it again. It is locally
 * administered (IEEE 802: second-lowest bit of the first byte): 0e:76 and the four bytes of an IPv4 address, or 0e and
 * five bytes of the SHA-512 of an IPv6 address's text.
 */
export function vtepMac(vtep: IpAddress): string {
  const bytes = new Uint8Array(6);
  if (vtep.family === 4) {
    bytes.set([0x0e, 0x76]);
    bytes.set(toBytes(vtep), 2);
    return formatMac(bytes);
  }
  const digest = sha512(formatIp(vtep));
  bytes[0] = 0x0e;
  for (let at = 1; at < 6; at++) bytes[at] = Number.parseInt(digest.slice(2 * at, 2 * at + 2), 16);
  return formatMac(bytes);
}
