/**
 * Announces a container's addresses when it joins, but only where neighbours may have a wrong MAC address. A bridge copies each
 * announcement to every port, so a thousand containers would pay for each new one.
 *
 * Mostly the MAC address is derived from the IP address, so neighbour entries of a reused address are right. That holds on a bridge of ours
 * where every address has always had its derived MAC address. When an address gets another one, the bridge keeps a note: its arp_notify
 * or ndisc_notify, the kernel's switches for announcements, is set for good. An operator can set them, too. The note goes with the
 * bridge, and the neighbour entries go with it as well.
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

/** The families of the addresses that the MAC address is not derived from. `mac`: lower case, with colons. */
function underivedFamilies(mac: string, ips: readonly ResultIp[]): Set<Family> {
  const addresses = ips.map((ip) => ip.address.address);
  const underived = addresses.filter((address) => formatMac(macOfIp(address)) !== mac);
  return new Set(underived.map(({ family }) => family));
}

/** Notes at the bridge that addresses of these families have or had a MAC address that is not derived from them. */
function noteForeignMacs(bridge: Link, families: ReadonlySet<Family>): void {
  if (bridge.alias !== BRIDGE_ALIAS) return;
  for (const family of families) trySysctl(switchOf(family, bridge.name), "1");
}

/** The families of addresses whose MAC address in the result is not the one that ADD gives. */
function changedFamilies(request: Request, { interfaces, ips }: Result): Set<Family> {
  const { ifname } = request;
  const index = interfaces.findIndex(({ name, sandbox = "" }) => name === ifname && sandbox !== "");
  const mac = interfaces[index]?.mac?.toLowerCase();
  if (mac === undefined) return new Set();
  const own = ips.filter((ip) => ip.interface === undefined || ip.interface === index);
  const addresses = own.map(({ address }) => address);
  const isGiven = mac === formatMac(containerMac(attachmentOf(request), addresses));
  return isGiven ? new Set() : underivedFamilies(mac, own);
}

/**
 * DEL: notes at the bridge if the attachment had, according to its result, another MAC address than ADD gives. A later plugin (tuning)
 * may have changed it, or the reference plugin attached it.
 */
export function noteReportedMac(request: Request): void {
  const { prevResult: result } = request.configuration;
  if (result === undefined) return;
  const families = changedFamilies(request, result);
  if (families.size === 0) return;
  const host = new NetlinkConnection(Protocol.route);
  try {
    for (const { name, sandbox = "" } of result.interfaces) {
      // The runtime passes the result: its names are not validated yet.
      const isOnNode = sandbox === "" && interfaceNameProblem(name) === undefined;
      const link = isOnNode ? findLink(host, name) : undefined;
      if (link?.kind === "bridge") noteForeignMacs(link, families);
    }
  } finally {
    host.close();
  }
}

/** Whether the bridge needs announcements of all addresses of that family. */
function announcesAll(bridge: Link, family: Family): boolean {
  if (bridge.alias !== BRIDGE_ALIAS || isMulticastQuerier(bridge)) return true;
  return readSysctl(switchOf(family, bridge.name)) === "1";
}

/** Announces the addresses for which neighbours may have a wrong MAC address. Frames must pass already. */
export function announceAddresses(
  container: Container,
  wanted: ContainerInterface,
  mac: Uint8Array,
  bridge: Link,
): void {
  const underived = underivedFamilies(formatMac(mac), wanted.ips);
  noteForeignMacs(bridge, underived);
  const own = new Set(wanted.ips.map((ip) => ip.address.address.family));
  const families = [...own].filter((family) => underived.has(family) || announcesAll(bridge, family));
  if (families.length === 0) return;
  const announceAll = () => announce(container, wanted, mac, families);
  if (isMulticastQuerier(bridge) && own.has(6)) withPromptReports(container, wanted.name, announceAll);
  else announceAll();
}
