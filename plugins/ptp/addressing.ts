/** The IPAM result as addresses and routes of the link's two ends. Pure. */
import { validateAddresses } from "../../shared/attachment/addresses.ts";
import { isSameRoute, resolveRoutes } from "../../shared/attachment/routes.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Result, ResultIp, ResultRoute } from "../../shared/cni/result.ts";
import { type Family, formatIp, type IpAddress, isLinkLocal, isSameIp } from "../../shared/ip/address.ts";
import { contains, formatCidr, hostCidr, isSameCidr, isSingle, networkOf } from "../../shared/ip/cidr.ts";
import type { Route } from "../../shared/netlink/route.ts";

/** The index of the container's interface in the result: host's end, container's end. */
export const CONTAINER_INTERFACE = 1;

/**
 * The gateway where IPAM names none: 169.254.1.1 (RFC 3927) and fe80::1 (RFC 4291). They are valid on the link only, so they conflict
 * with no other address. IPAM may hand out an address of the container's network.
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

/** The addresses, each with the gateway of its routes. */
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
 * The container's routes: the gateways are on the link, and everything else is behind them, its own networks too. Routes of IPAM that
 * say the same are left out.
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
      (table ?? 0) > 0 || !toGateways.some((route) => isSameCidr(route.destination, destination)),
  );
  for (const route of resolveRoutes(others, ips)) {
    if (!routes.some((other) => isSameRoute(other, route))) routes.push(route);
  }
  return routes;
}

function validateGateways(ips: readonly RoutedIp[]): void {
  for (const { gateway } of ips) {
    if (!ips.some(({ address }) => isSameIp(address.address, gateway))) continue;
    const message = `the gateway ${formatIp(gateway)} is the container's own address`;
    throw invalid(message, "the host's end of the link has the gateway address: correct what IPAM gives");
  }
}

/** Only the node is on the link, so a gateway must be one of its addresses, or behind one. Throws code 7. */
function validateRoutes(routes: readonly Route[]): void {
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

/** Derives addresses and routes from the IPAM result. Throws code 7. */
export function planAddressing(ipam: Result): Addressing {
  validateAddresses(ipam);
  const ips = withGateways(ipam.ips);
  validateGateways(ips);
  const routes = planRoutes(ips, ipam.routes);
  validateRoutes(routes);
  return { ips, routes, gateways: gatewaysOf(ips) };
}
