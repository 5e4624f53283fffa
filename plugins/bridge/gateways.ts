/** The gateway addresses on the bridge, or on a VLAN's gateway interface. Shared by every attachment on it. */
import { isIpv6Off, switchOnIpv6 } from "../../shared/attachment/ipv6-switch.ts";
import { SMALLEST_IPV6_MTU } from "../../shared/attachment/mtu.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import { type Family, formatIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, isSameCidr, overlaps } from "../../shared/ip/cidr.ts";
import { addAddress, deleteAddress, listAddresses } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import type { NetlinkError } from "../../shared/netlink/error.ts";
import { findLinkByIndex, type Link } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";
import type { HostContext } from "./device.ts";
import { rangeGateways } from "./range-gateways.ts";

/** The change of addresses on the device. */
export interface GatewayChange {
  readonly missing: readonly Cidr[];
  readonly inTheWay: readonly Cidr[];
}

export function familiesOf(addresses: readonly Cidr[]): Family[] {
  return [...new Set(addresses.map((cidr) => cidr.address.family))];
}

/**
 * Whether an address of the device cannot stay beside the gateways. An IPv6 interface has several addresses, so only one in the same
 * network is in the way.
 */
function isInTheWay(held: Cidr, gateways: readonly Cidr[]): boolean {
  if (gateways.some((gateway) => isSameCidr(gateway, held))) return false;
  const alike = gateways.filter((gateway) => gateway.address.family === held.address.family);
  return held.address.family === 4 ? alike.length > 0 : alike.some((gateway) => overlaps(held, gateway));
}

/**
 * Compares the addresses of the device with the gateways; an absent device has none. Throws code 7 if an address is in the way, unless
 * forceAddress is set. Gateways of the network's other ranges stay, as other containers use them.
 */
export function planGateways(
  netlink: NetlinkConnection,
  device: Link | undefined,
  gateways: readonly Cidr[],
  force: boolean,
  network: NetworkConfiguration,
): GatewayChange {
  if (device === undefined || gateways.length === 0) return { missing: gateways, inTheWay: [] };
  const held = listAddresses(netlink, device.index, familiesOf(gateways)).map((address) => address.cidr);
  const missing = gateways.filter((gateway) => !held.some((cidr) => isSameCidr(cidr, gateway)));
  const others = held.filter((cidr) => isInTheWay(cidr, gateways));
  const own = others.length === 0 ? [] : rangeGateways(network);
  const inTheWay = others.filter((cidr) => !own.some((gateway) => isSameCidr(gateway, cidr)));
  if (inTheWay.length > 0 && !force) {
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `${quote(device.name)} already has an IP address different from ${gateways.map(formatCidr).join(", ")}: ${inTheWay.map(formatCidr).join(", ")}`,
      "another network uses this bridge, or the range was changed: give this network a bridge of its own, or set forceAddress to replace the address",
    );
  }
  return { missing, inTheWay };
}

/** A bridge has the smallest MTU of its ports, unless it was set. */
function unacceptable(
  refused: NetlinkError,
  netlink: NetlinkConnection,
  device: Link,
  gateway: Cidr,
): CniError {
  const mtu = (findLinkByIndex(netlink, device.index) ?? device).mtu;
  const isSmall = gateway.address.family === 6 && mtu < SMALLEST_IPV6_MTU;
  const why = isSmall
    ? `its MTU is ${mtu}, and IPv6 needs ${SMALLEST_IPV6_MTU}`
    : refused.named(device.name).message;
  const advice = isSmall
    ? `use an MTU of ${SMALLEST_IPV6_MTU} or more for all networks on this bridge, or give this one a bridge of its own`
    : 'correct the gateway in "ipam": it must be a unicast address';
  const message = `${device.name} cannot have the gateway address ${formatCidr(gateway)}: ${why}`;
  return new CniError(ErrorCode.invalidConfiguration, message, advice, refused);
}

function addGateway(netlink: NetlinkConnection, device: Link, gateway: Cidr): void {
  const message = addAddress(device.index, gateway, { detectDuplicates: false });
  // EEXIST: another attachment's ADD was faster.
  const refused = netlink.attempt(message, Errno.EEXIST, Errno.EADDRINUSE, Errno.EINVAL, Errno.EADDRNOTAVAIL);
  if (refused === undefined || refused.errno === Errno.EEXIST) return;
  if (refused.errno !== Errno.EADDRINUSE) throw unacceptable(refused, netlink, device, gateway);
  const address = formatIp(gateway.address);
  const problem = `the gateway address ${address} is in use by another interface of this node`;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    problem,
    `ip address show to ${address} shows the interface`,
  );
}

/** Makes the planned change. */
export function applyGateways({ netlink, note }: HostContext, device: Link, change: GatewayChange): void {
  const { missing, inTheWay } = change;
  if (missing.length === 0 && inTheWay.length === 0) return;
  if (missing.some(({ address }) => address.family === 6) && isIpv6Off(device.name)) {
    note({ kind: "ipv6", device: device.name });
    switchOnIpv6(device.name);
  }
  const [added, removed] = [missing.map(formatCidr), inTheWay.map(formatCidr)];
  note({ kind: "addresses", device: device.index, added, removed });
  for (const cidr of inTheWay) netlink.attempt(deleteAddress(device.index, cidr), Errno.EADDRNOTAVAIL);
  for (const gateway of missing) addGateway(netlink, device, gateway);
}
