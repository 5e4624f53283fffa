/** The link between container and node: addresses, routes and neighbours of both ends. */
import { configureInterface, setParameters } from "../../shared/attachment/container-interface.ts";
import { switchOnIpv6 } from "../../shared/attachment/ipv6-switch.ts";
import { type Veth, waitForLink } from "../../shared/attachment/veth.ts";
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { hostCidr } from "../../shared/ip/cidr.ts";
import { addAddress } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import {
  findLinkByIndex,
  type Link,
  OperationalState,
  parseMac,
  setLink,
} from "../../shared/netlink/link.ts";
import { setNeighbour } from "../../shared/netlink/neighbour.ts";
import { addRoute } from "../../shared/netlink/route.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";
import { Errno } from "../../shared/system/errno.ts";
import type { Addressing } from "./addressing.ts";

/** The index of lo in every namespace. The kernel routes all local addresses there. */
const LOOPBACK = 1;

/** Each end knows the other's MAC address, so the first packet waits for no answer. */
const neighbours = (index: number, addresses: readonly IpAddress[], mac: Uint8Array) =>
  addresses.map((address) => setNeighbour(index, address, mac));

/** Addresses, routes and neighbours inside. */
export function configureContainer(
  container: Container,
  { host, container: end }: Veth,
  plan: Addressing,
): void {
  const { ips, routes, gateways } = plan;
  const { name, index } = end;
  const wanted = { name, index, ips, routes, detectDuplicates: false, withoutPrefixRoutes: true };
  setParameters(container, wanted);
  configureInterface(container, wanted, neighbours(index, gateways, parseMac(host.mac) as Uint8Array));
}

/** The error for an address that the node routes elsewhere already. */
function inUse(netlink: NetlinkConnection, addresses: readonly IpAddress[], own: number): CniError {
  for (const address of addresses) {
    const index = findOutputInterface(netlink, address);
    const holder = index === undefined || index === own ? undefined : findLinkByIndex(netlink, index);
    if (holder === undefined || holder.isLoopback) continue;
    const owner = holder.alias === "" ? "" : ` (${holder.alias})`;
    return new CniError(
      ErrorCode.tryAgainLater,
      `the address ${formatIp(address)} is routed to the interface ${holder.name}${owner} already`,
      "another container has it, but IPAM has it as free: two networks have overlapping ranges, or the store of IPAM was removed",
    );
  }
  const names = addresses.map(formatIp).join(", ");
  return new CniError(ErrorCode.tryAgainLater, `this node has a route of its own to ${names}`, "remove it");
}

/** The kernel prefers the node's own addresses: it would never use a route to one of them. Throws code 11. */
function validateNotOwnAddress(netlink: NetlinkConnection, address: IpAddress): void {
  if (findOutputInterface(netlink, address) !== LOOPBACK) return;
  throw new CniError(
    ErrorCode.tryAgainLater,
    `the address ${formatIp(address)} is one of this node's own`,
    "leave the node's addresses out of the ranges of IPAM",
  );
}

/** The gateway addresses on the host's end, and routes and neighbours there. Throws code 11 for an address in use. */
export function configureHost(netlink: NetlinkConnection, { host, container }: Veth, plan: Addressing): void {
  const { index, name } = host;
  const addresses = plan.ips.map((ip) => ip.address.address);
  if (addresses.some((address) => address.family === 6)) switchOnIpv6(name);
  try {
    netlink.execute(
      setLink({ index }, { up: true }),
      ...plan.gateways.map((gateway) => addAddress(index, hostCidr(gateway), { detectDuplicates: false })),
      ...addresses.map((address) => addRoute(index, { destination: hostCidr(address) }, "exclusive")),
      ...neighbours(index, addresses, parseMac(container.mac) as Uint8Array),
    );
  } catch (thrown) {
    // The link is new: only the routes can be there already.
    const isTaken = thrown instanceof NetlinkError && thrown.errno === Errno.EEXIST;
    throw isTaken ? inUse(netlink, addresses, index) : thrown;
  }
  for (const address of addresses) validateNotOwnAddress(netlink, address);
}

/** Returns when both ends are operational. The kernel drops packets before. */
export function waitUntilReady(netlink: NetlinkConnection, container: Container, veth: Veth): void {
  const isReady = (link: Link) => link.operationalState === OperationalState.up;
  const failure = () =>
    new CniError(
      ErrorCode.tryAgainLater,
      `the link between ${veth.host.name} and ${veth.container.name} does not come up`,
      `ip -d link show ${veth.host.name} shows its state; something may have set one of its ends down`,
    );
  waitForLink(netlink, veth.host.index, isReady, failure);
  waitForLink(container.netlink, veth.container.index, isReady, failure);
}
