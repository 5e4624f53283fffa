/**
 * Who is told of a container's addresses when it joins: nobody who can know. A broadcast is copied to every port, so a
 * thousand containers would pay for each one that comes.
 *
 * A MAC address that follows from the IP address is what everybody has in mind already who ever reached that address. That
 * is so on a bridge of our own on which each address has always had that MAC address. When one has another, the bridge
 * remembers: its arp_notify and ndisc_notify, the kernel's own switches for such announcements, one a family, are set for
 * good. So an operator can set them, too. They do not outlive the bridge, and neither do the neighbours.
 */
import { BRIDGE_ALIAS } from "../../shared/attachment/bridge-alias.ts";
import {
  announce,
  type ContainerInterface,
  withPromptReports,
} from "../../shared/attachment/container-interface.ts";
import { containerMac, macOfIp } from "../../shared/attachment/mac.ts";
import type { Container } from "../../shared/cni/container.ts";
import { interfaceNameProblem } from "../../shared/cni/names.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import type { Family } from "../../shared/ip/address.ts";
import { isMulticastQuerier } from "../../shared/netlink/bridge.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLink, formatMac, type Link } from "../../shared/netlink/link.ts";
import { readSysctl, trySysctl } from "../../shared/system/sysctl.ts";

const switchOf = (family: Family, bridge: string) =>
  family === 4 ? `ipv4/conf/${bridge}/arp_notify` : `ipv6/conf/${bridge}/ndisc_notify`;

/** The families of the addresses that the MAC address does not follow from. `mac`: lower case, with colons. */
function unforeseenFamilies(mac: string, ips: readonly ResultIp[]): Set<Family> {
  const addresses = ips.map((ip) => ip.address.address);
  const unforeseen = addresses.filter((address) => formatMac(macOfIp(address)) !== mac);
  return new Set(unforeseen.map(({ family }) => family));
}

/** Has the bridge remember that addresses of these families have, or had, MAC addresses that do not follow from them. */
function remember(bridge: Link, families: ReadonlySet<Family>): void {
  if (bridge.alias !== BRIDGE_ALIAS) return;
  for (const family of families) trySysctl(switchOf(family, bridge.name), "1");
}

/** The families of addresses whose MAC address, according to the result, was another than ADD gives. */
function changedFamilies(request: Request, { interfaces, ips }: Result): Set<Family> {
  const { ifname } = request;
  const index = interfaces.findIndex(({ name, sandbox = "" }) => name === ifname && sandbox !== "");
  const mac = interfaces[index]?.mac?.toLowerCase();
  if (mac === undefined) return new Set();
  const own = ips.filter((ip) => ip.interface === undefined || ip.interface === index);
  const addresses = own.map(({ address }) => address);
  const isGiven = mac === formatMac(containerMac(attachmentOf(request), addresses));
  return isGiven ? new Set() : unforeseenFamilies(mac, own);
}

/**
 * Has the bridge remember the MAC address that an attachment had, according to its result: a later plugin (tuning) may have
 * changed it, or the reference plugin attached it.
 */
export function rememberReported(request: Request): void {
  const { prevResult: result } = request.configuration;
  if (result === undefined) return;
  const families = changedFamilies(request, result);
  if (families.size === 0) return;
  const host = new NetlinkConnection(Protocol.route);
  try {
    for (const { name, sandbox = "" } of result.interfaces) {
      // A runtime may pass anything for a result.
      const isOnNode = sandbox === "" && interfaceNameProblem(name) === undefined;
      const link = isOnNode ? findLink(host, name) : undefined;
      if (link?.kind === "bridge") remember(link, families);
    }
  } finally {
    host.close();
  }
}

/** Whether the addresses of that family are announced on the bridge, whatever the MAC address. */
function announcesAll(bridge: Link, family: Family): boolean {
  if (bridge.alias !== BRIDGE_ALIAS || isMulticastQuerier(bridge)) return true;
  return readSysctl(switchOf(family, bridge.name)) === "1";
}

/** Announces what of the addresses cannot be known. For when frames pass. */
export function announceUnforeseen(
  container: Container,
  wanted: ContainerInterface,
  mac: Uint8Array,
  bridge: Link,
): void {
  const unforeseen = unforeseenFamilies(formatMac(mac), wanted.ips);
  remember(bridge, unforeseen);
  const own = new Set(wanted.ips.map((ip) => ip.address.address.family));
  const families = [...own].filter((family) => unforeseen.has(family) || announcesAll(bridge, family));
  if (families.length === 0) return;
  const announceAll = () => announce(container, wanted, mac, families);
  if (isMulticastQuerier(bridge) && own.has(6)) withPromptReports(container, wanted.name, announceAll);
  else announceAll();
}
