/** CHECK: comparisons of an interface, its addresses and routes with the result. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { OwnedLink } from "../cni/plugin.ts";
import type { Result, ResultInterface, ResultIp } from "../cni/result.ts";
import { formatCidr, isSameCidr } from "../ip/cidr.ts";
import { listAddresses } from "../netlink/address.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { findLink, findLinkByIndex, type Link } from "../netlink/link.ts";
import { type KernelRoute, listRoutes, type Route, satisfies } from "../netlink/route.ts";

/** A failure of CHECK: the difference, and what to do. */
export function drift(message: string, advice: string): CniError {
  return new CniError(ErrorCode.internal, message, advice);
}

/** The advice where no single command repairs it. */
export const RECREATE = "something changed it after the container was attached; recreate the container";

export interface Attached {
  readonly index: number;
  readonly reported: ResultInterface;
}

/** The container's interface in the result. Throws code 7 if it is not there. */
export function findReported(result: Result, ifname: string): Attached {
  const index = result.interfaces.findIndex((item) => item.name === ifname && (item.sandbox ?? "") !== "");
  const reported = result.interfaces[index];
  if (reported !== undefined) return { index, reported };
  const message = `prevResult has no interface ${quote(ifname)} in a container`;
  throw new CniError(ErrorCode.invalidConfiguration, message, "it is not the result of this attachment");
}

/** The addresses of the result that belong to the interface. */
export function ipsOf(result: Result, index: number): readonly ResultIp[] {
  return result.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
}

/** Compares the container's link with the result, and with what the plugin makes. Returns it. */
export function checkContainerLink(container: Container, reported: ResultInterface, owned: OwnedLink): Link {
  const where = `${reported.name} in ${container.namespace.path}`;
  const link = findLink(container.netlink, reported.name);
  if (link === undefined) throw drift(`the interface ${where} is missing`, RECREATE);
  if (owned.place !== "moved" && link.kind !== owned.kind) {
    const kind = link.kind || "of a physical device";
    throw drift(`the interface ${where} has the kind ${kind}, expected ${owned.kind}`, RECREATE);
  }
  const mac = reported.mac?.toLowerCase();
  if (mac !== undefined && mac !== link.mac) {
    throw drift(`the interface ${where} has the MAC address ${link.mac}, expected ${mac}`, RECREATE);
  }
  return link;
}

export function checkIsUp(link: Link, where: string): void {
  if (!link.isUp)
    throw drift(`the interface ${link.name} ${where} is down`, `ip link set ${link.name} up repairs it`);
}

/**
 * Compares the MTU of the two ends of a pair. A later plugin (tuning) may make it smaller inside. A larger one inside loses frames.
 */
export function checkMtu(inside: Link, outside: Link): void {
  if (inside.mtu <= outside.mtu) return;
  const advice = `larger frames get lost: ip link set ${outside.name} mtu ${inside.mtu}, or recreate the container`;
  throw drift(
    `${inside.name} has MTU ${inside.mtu}, but its other end ${outside.name} has ${outside.mtu}`,
    advice,
  );
}

/** The host's end of the container's veth. It must be the one in the result, with its MAC address and MTU. */
export function checkHostEnd(host: NetlinkConnection, inside: Link, result: Result): Link {
  const end = findLinkByIndex(host, inside.peer);
  if (end?.kind !== inside.kind)
    throw drift(`the host's end of ${inside.name} is missing on this node`, RECREATE);
  const reported = result.interfaces.find((item) => item.name === end.name && (item.sandbox ?? "") === "");
  if (reported === undefined) {
    const message = `the host's end of ${inside.name} is called ${end.name}, which prevResult does not know`;
    throw drift(message, RECREATE);
  }
  const mac = reported.mac?.toLowerCase() ?? end.mac;
  if (mac !== end.mac) throw drift(`${end.name} has the MAC address ${end.mac}, expected ${mac}`, RECREATE);
  const mtu = reported.mtu ?? end.mtu;
  if (mtu !== end.mtu) throw drift(`${end.name} has MTU ${end.mtu}, expected ${mtu}`, RECREATE);
  checkMtu(inside, end);
  return end;
}

/** Throws if an address of the result is missing on the link. There may be more: a later plugin may add some. */
export function checkAddresses(container: Container, link: Link, ips: readonly ResultIp[]): void {
  const held = listAddresses(container.netlink, link.index);
  const missing = ips.filter(({ address }) => !held.some(({ cidr }) => isSameCidr(cidr, address)));
  if (missing.length === 0) return;
  const names = missing.map(({ address }) => formatCidr(address)).join(", ");
  throw drift(`missing on ${link.name}: the address ${names}`, RECREATE);
}

/**
 * Throws if a route of the result is missing. A route that names no table may be in any: later plugins (sbr, vrf) move routes. One
 * that names no scope may have any: the reference gives all routes the same.
 */
export function checkRoutes(container: Container, routes: readonly Route[]): void {
  const held = { 4: [] as KernelRoute[], 6: [] as KernelRoute[] };
  for (const family of new Set(routes.map((route) => route.destination.address.family))) {
    held[family] = listRoutes(container.netlink, { family });
  }
  const isHeld = (route: Route) =>
    held[route.destination.address.family].some((each) =>
      satisfies(each, { ...route, table: route.table ?? each.table, scope: route.scope ?? each.scope }),
    );
  const missing = routes.filter((route) => !isHeld(route));
  if (missing.length === 0) return;
  const names = missing.map(({ destination }) => formatCidr(destination)).join(", ");
  throw drift(`missing in the container: the route to ${names}`, RECREATE);
}
