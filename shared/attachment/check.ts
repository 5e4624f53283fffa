/** What CHECK asks of any interface with addresses: that the container's side is as the result says. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode, quote } from "../cni/error.ts";
import type { Request } from "../cni/plugin.ts";
import type { Result, ResultInterface, ResultIp, ResultRoute } from "../cni/result.ts";
import { formatCidr, isSameCidr } from "../ip/cidr.ts";
import { listAddresses } from "../netlink/address.ts";
import { findLink, type Link } from "../netlink/link.ts";
import { type KernelRoute, listRoutes, satisfies } from "../netlink/route.ts";

/** A CHECK failure: what is not as it should be, and what to do. */
export function drift(message: string, advice: string): CniError {
  return new CniError(ErrorCode.internal, message, advice);
}

const RECREATE = "something changed it after the container was attached; recreate the container";

/** The result of ADD, which the runtime must hand to CHECK. Throws code 7 without it. */
export function requirePrevResult(request: Request): Result {
  const { prevResult } = request.configuration;
  if (prevResult !== undefined) return prevResult;
  const advice = "the runtime must pass the result of ADD as prevResult";
  throw new CniError(ErrorCode.invalidConfiguration, "CHECK needs prevResult", advice);
}

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

/** Compares the container's link with the result. Returns it. */
export function checkContainerLink(container: Container, reported: ResultInterface): Link {
  const where = `${reported.name} in ${container.namespace.path}`;
  const link = findLink(container.netlink, reported.name);
  if (link === undefined) throw drift(`the interface ${where} is missing`, RECREATE);
  if (link.kind !== "veth")
    throw drift(`the interface ${where} is no veth but ${link.kind || "another kind"}`, RECREATE);
  const mac = reported.mac?.toLowerCase();
  if (mac !== undefined && mac !== link.mac) {
    throw drift(`the interface ${where} has the MAC address ${link.mac}, expected ${mac}`, RECREATE);
  }
  if (reported.mtu !== undefined && reported.mtu !== link.mtu) {
    throw drift(`the interface ${where} has MTU ${link.mtu}, expected ${reported.mtu}`, RECREATE);
  }
  return link;
}

export function checkIsUp(link: Link, where: string): void {
  if (!link.isUp)
    throw drift(`the interface ${link.name} ${where} is down`, `ip link set ${link.name} up repairs it`);
}

/** Whether every address of the result is on the link. More of them are fine: a chained plugin may add some. */
export function checkAddresses(container: Container, link: Link, ips: readonly ResultIp[]): void {
  const held = listAddresses(container.netlink, link.index);
  for (const { address } of ips) {
    if (held.some(({ cidr }) => isSameCidr(cidr, address))) continue;
    throw drift(`the address ${formatCidr(address)} is missing on ${link.name}`, RECREATE);
  }
}

/**
 * Whether every route of the result is there. A route that names no table may be in any: plugins later in the
 * chain (sbr, vrf) move routes.
 */
export function checkRoutes(container: Container, routes: readonly ResultRoute[]): void {
  const held = new Map<number, KernelRoute[]>();
  for (const route of routes) {
    const { family } = route.destination.address;
    const candidates = held.get(family) ?? listRoutes(container.netlink, { family });
    held.set(family, candidates);
    const isHere = (each: KernelRoute) => satisfies(each, { ...route, table: route.table ?? each.table });
    if (candidates.some(isHere)) continue;
    throw drift(`the route to ${formatCidr(route.destination)} is missing in the container`, RECREATE);
  }
}
