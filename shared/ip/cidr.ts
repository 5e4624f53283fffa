/** An address with its prefix length: "10.1.0.2/24" is the address 10.1.0.2 in the network 10.1.0.0/24. */
import { bitsOf, type Family, formatIp, type IpAddress, isSameIp, parseIp } from "./address.ts";

export interface Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** Parses "10.1.0.2/24"; undefined if the text is not an address with prefix length. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  const prefixLength = Number(length);
  // String() reverses what Number() accepts too much: "", "08", " 8", "-0", "1e1", "0x8".
  if (
    address === undefined ||
    !Number.isInteger(prefixLength) ||
    prefixLength < 0 ||
    String(prefixLength) !== length
  )
    return undefined;
  return prefixLength > bitsOf(address.family) ? undefined : { address, prefixLength };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.address)}/${cidr.prefixLength}`;
}

function hostMask(cidr: Cidr): bigint {
  return (1n << BigInt(bitsOf(cidr.address.family) - cidr.prefixLength)) - 1n;
}

/** The first address of the network: host bits zero. */
export function networkAddress(cidr: Cidr): IpAddress {
  return { family: cidr.address.family, value: cidr.address.value & ~hostMask(cidr) };
}

/** The last address of the network: host bits one (IPv4: the broadcast address). */
export function lastAddress(cidr: Cidr): IpAddress {
  return { family: cidr.address.family, value: cidr.address.value | hostMask(cidr) };
}

/** The network of an address: 10.1.0.2/24 gives 10.1.0.0/24. */
export function networkOf(cidr: Cidr): Cidr {
  return { address: networkAddress(cidr), prefixLength: cidr.prefixLength };
}

export function contains(network: Cidr, address: IpAddress): boolean {
  if (network.address.family !== address.family) return false;
  const mask = hostMask(network);
  return (network.address.value & ~mask) === (address.value & ~mask);
}

/** True if two networks overlap. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, networkAddress(b)) || contains(b, networkAddress(a));
}

export function isSameCidr(a: Cidr, b: Cidr): boolean {
  return a.prefixLength === b.prefixLength && isSameIp(a.address, b.address);
}

/** True for a single address: /32 or /128. */
export function isSingle(cidr: Cidr): boolean {
  return cidr.prefixLength === bitsOf(cidr.address.family);
}

/** The address as a network: /32 or /128. */
export function hostCidr(address: IpAddress): Cidr {
  return { address, prefixLength: bitsOf(address.family) };
}

/** 0.0.0.0/0 or ::/0. */
export function defaultRoute(family: Family): Cidr {
  return { address: { family, value: 0n }, prefixLength: 0 };
}
