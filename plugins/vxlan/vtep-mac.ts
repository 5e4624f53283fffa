/** The MAC address of a VXLAN device, from its address on the underlay. */
import { formatIp, type IpAddress, toBytes } from "../../shared/ip/address.ts";
import { formatMac } from "../../shared/netlink/link.ts";
import { sha512 } from "../../shared/system/hash.ts";

/**
 * Every node derives the same one, so peers need not tell each other, and a device that is made anew has it again.
 * Locally administered (IEEE 802: second-lowest bit of the first byte): 0e:76 and the four bytes of an IPv4 address, or
 * 0e and five bytes of the SHA-512 of an IPv6 address's text.
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
