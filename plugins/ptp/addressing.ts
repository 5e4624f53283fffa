/** What the IPAM result means for the two ends of the link. Pure. */
import { validateAddresses } from "../../shared/attachment/addresses.ts";
import { isSameRoute, resolveRoutes } from "../../shared/attachment/routes.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Result, ResultIp, ResultRoute } from "../../shared/cni/result.ts";
import { type Family, formatIp, type IpAddress, isLinkLocal, isSameIp } from "../../shared/ip/address.ts";
import { contains, formatCidr, hostCidr, isSameCidr, isSingle, networkOf } from "../../shared/ip/cidr.ts";
import type { Route } from "../../shared/netlink/route.ts";

/** The container's place in the result's list of interfaces: host's end, container's end. */
export const CONTAINER_INTERFACE = 1;

/**
 * The gateway where IPAM names none: 169.254.1.1 (RFC 3927) and fe80::1 (RFC 4291) mean something on the link only, so
 * they can be in nobody's way. An address of the container's network could be: IPAM may hand it out.
 */
const linkGateways: Readonly<Record<Family, IpAddress>> = {
  4: { family: 4, value: 0xa9fe0101n },
  6: { family: 6, value: (0xfe80n << 112n) + 1n },
};

export type RoutedIp = ResultIp & { readonly gateway: IpAddress };

export interface Addressing {
  readonly ips: readonly RoutedIp[];
  /** Everything the container's routing table needs. */
  readonly routes: readonly Route[];
  /** The addresses of the host's end, each once. */
  readonly gateways: readonly IpAddress[];
}

function invalid(message: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** The addresses with the gateway each is routed through. */
export function withGateways(ips: readonly ResultIp[]): RoutedIp[] {
  return ips.map((ip) => ({
    ...ip,
    gateway: ip.gateway ?? linkGateways[ip.address.address.family],
    interface: CONTAINER_INTERFACE,
  }));
}

export function gatewaysOf(ips: readonly RoutedIp[]): IpAddress[] {
  const gateways: IpAddress[] = [];
  for (const { gateway } of ips) {
    if (!gateways.some((other) => isSameIp(other, gateway))) gateways.push(gateway);
  }
  return gateways;
}

export function familiesOf(ips: readonly RoutedIp[]): Family[] {
  return [...new Set(ips.map((ip) => ip.gateway.family))];
}

/**
 * The container's routes: the gateways are on the link, and all else, its own networks too, is behind them. What of
 * this IPAM says as well is not added twice.
 */
export function planRoutes(ips: readonly RoutedIp[], given: readonly ResultRoute[]): Route[] {
  const routes: Route[] = [];
  const add = (route: Route) => {
    if (!routes.some((other) => isSameCidr(other.destination, route.destination))) routes.push(route);
  };
  for (const { address, gateway } of ips) add({ destination: hostCidr(gateway), source: address.address });
  const toGateways = routes.slice();
  for (const { address, gateway } of ips) {
    if (!isSingle(address)) add({ destination: networkOf(address), gateway, source: address.address });
  }
  const others = given.filter(
    ({ destination, table }) =>
      table !== undefined || !toGateways.some((route) => isSameCidr(route.destination, destination)),
  );
  for (const route of resolveRoutes(others, ips)) {
    if (!routes.some((other) => isSameRoute(other, route))) routes.push(route);
  }
  return routes;
}

function refuseOwnGateway(ips: readonly RoutedIp[]): void {
  for (const { gateway } of ips) {
    if (!ips.some(({ address }) => isSameIp(address.address, gateway))) continue;
    const message = `the gateway ${formatIp(gateway)} is the container's own address`;
    throw invalid(message, "the host's end of the link has the gateway address: correct what IPAM gives");
  }
}

/** There is nobody on the link but the node, so a gateway must be one of its addresses, or lie behind one. */
function refuseUnreachable(routes: readonly Route[]): void {
  const onLink = routes.filter((route) => route.gateway === undefined);
  for (const { destination, gateway } of routes) {
    if (gateway === undefined || isLinkLocal(gateway)) continue;
    if (onLink.some((route) => contains(route.destination, gateway))) continue;
    const message = `the route to ${formatCidr(destination)} has the gateway ${formatIp(gateway)}, which is not on the link`;
    const advice =
      "a ptp link leads to the node only: leave the gateway out, and let the node have a route to it";
    throw invalid(message, advice);
  }
}

/** Works out addresses and routes from what IPAM gave. Throws code 7. */
export function planAddressing(ipam: Result): Addressing {
  validateAddresses(ipam);
  const ips = withGateways(ipam.ips);
  refuseOwnGateway(ips);
  const routes = planRoutes(ips, ipam.routes);
  refuseUnreachable(routes);
  return { ips, routes, gateways: gatewaysOf(ips) };
}
