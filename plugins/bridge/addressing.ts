/** What the IPAM result means for the container and for the bridge. Pure. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Result, ResultIp, ResultRoute } from "../../shared/cni/result.ts";
import { addToIp, type Family, formatIp, isSameIp } from "../../shared/ip/address.ts";
import {
  type Cidr,
  contains,
  defaultRoute,
  formatCidr,
  isSameCidr,
  networkOf,
} from "../../shared/ip/cidr.ts";

/** The container's place in the result's list of interfaces: bridge, host's end, container's end. */
export const CONTAINER_INTERFACE = 2;

export interface Addressing {
  readonly ips: readonly ResultIp[];
  /** For the result, as IPAM and isDefaultGateway say. */
  readonly routes: readonly ResultRoute[];
  /** The same with their gateways filled in, each once, for the kernel. */
  readonly kernelRoutes: readonly ResultRoute[];
  /** The bridge's own addresses, with isGateway. */
  readonly gateways: readonly Cidr[];
}

interface Options {
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
}

function noRoom(ip: ResultIp): CniError {
  const message = `the network of ${formatCidr(ip.address)} has no room for a gateway address`;
  const advice = "use a larger subnet, or leave isGateway out";
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/**
 * With isGateway the bridge has the gateway address, so it must be one of the container's network. Without one
 * from IPAM it is the first address of the network.
 */
function withGateway(ip: ResultIp, isGateway: boolean): ResultIp {
  if (ip.gateway !== undefined && ip.gateway.family !== ip.address.address.family) {
    const message = `the gateway ${formatIp(ip.gateway)} is of another family than ${formatCidr(ip.address)}`;
    throw new CniError(ErrorCode.invalidConfiguration, message, "correct the gateway that IPAM gives");
  }
  if (!isGateway) return { ...ip, interface: CONTAINER_INTERFACE };
  const gateway = ip.gateway ?? addToIp(networkOf(ip.address).address, 1n);
  const fits = contains(ip.address, gateway) && !isSameIp(gateway, ip.address.address);
  if (fits) return { ...ip, gateway, interface: CONTAINER_INTERFACE };
  if (ip.gateway === undefined) throw noRoom(ip);
  const message = `the gateway ${formatIp(gateway)} is no other address in the network of ${formatCidr(ip.address)}`;
  const advice = "correct the gateway of the range, or leave isGateway out";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

const isDefault = (route: ResultRoute) =>
  route.destination.prefixLength === 0 && (route.table ?? 254) === 254;

/**
 * A default route through the bridge, once a family, unless IPAM gives one with a gateway of its own. One that
 * IPAM gives without a gateway is the same route, and takes the bridge's.
 */
function withDefaultRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): ResultRoute[] {
  const all = [...routes];
  for (const { gateway } of ips) {
    if (gateway === undefined) continue;
    const { family } = gateway;
    const at = all.findIndex((route) => isDefault(route) && route.destination.address.family === family);
    const present = all[at];
    if (present === undefined) all.push({ destination: defaultRoute(family), gateway });
    else if (present.gateway === undefined && !isLinkScope(present)) all[at] = { ...present, gateway };
  }
  return all;
}

/** The routes as the kernel gets them: with the gateway of their family where they name none, each once. */
export function resolveRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): ResultRoute[] {
  const gatewayOf = (family: Family) => ips.find((ip) => ip.gateway?.family === family)?.gateway;
  const resolved: ResultRoute[] = [];
  for (const route of routes) {
    const gateway =
      route.gateway ?? (isLinkScope(route) ? undefined : gatewayOf(route.destination.address.family));
    const full = gateway === undefined ? route : { ...route, gateway };
    if (!resolved.some((other) => isSameRoute(other, full))) resolved.push(full);
  }
  return resolved;
}

/** RT_SCOPE_LINK and below: the destination is on the link, so no gateway leads to it. */
const LINK_SCOPE = 253;
const isLinkScope = (route: ResultRoute) => (route.scope ?? 0) >= LINK_SCOPE;

/** What the kernel takes for what is left out: include/uapi/linux/rtnetlink.h, and net/ipv6/route.c for the metric. */
const MAIN_TABLE = 254;
const IPV6_METRIC = 1024;

/** Two routes that are one for the kernel. */
function isSameRoute(a: ResultRoute, b: ResultRoute): boolean {
  const metric = (route: ResultRoute) => {
    const isV6 = route.destination.address.family === 6;
    return (route.priority ?? 0) === 0 && isV6 ? IPV6_METRIC : (route.priority ?? 0);
  };
  const scope = (route: ResultRoute) => route.scope ?? (route.gateway === undefined ? LINK_SCOPE : 0);
  const sameGateway =
    a.gateway === undefined || b.gateway === undefined
      ? a.gateway === b.gateway
      : isSameIp(a.gateway, b.gateway);
  return (
    isSameCidr(a.destination, b.destination) &&
    sameGateway &&
    (a.table ?? MAIN_TABLE) === (b.table ?? MAIN_TABLE) &&
    metric(a) === metric(b) &&
    scope(a) === scope(b)
  );
}

function refuseRepetition(ips: readonly ResultIp[], index: number): void {
  const { address } = ips[index] as ResultIp;
  if (ips.findIndex((ip) => isSameCidr(ip.address, address)) === index) return;
  const message = `IPAM plugin returned the address ${formatCidr(address)} twice`;
  throw new CniError(ErrorCode.invalidConfiguration, message, "an interface takes an address once");
}

/** Works out addresses, routes and gateways from what IPAM gave. Throws code 7. */
export function planAddressing(ipam: Result, { isGateway, isDefaultGateway }: Options): Addressing {
  if (ipam.ips.length === 0) {
    const advice = "give the ipam section a range, or remove it for a network without addresses";
    throw new CniError(ErrorCode.invalidConfiguration, "IPAM plugin returned missing IP config", advice);
  }
  for (let at = 0; at < ipam.ips.length; at++) refuseRepetition(ipam.ips, at);
  const ips = ipam.ips.map((ip) => withGateway(ip, isGateway));
  const routes = isDefaultGateway ? withDefaultRoutes(ipam.routes, ips) : ipam.routes;
  const gateways: Cidr[] = [];
  for (const { gateway, address } of isGateway ? ips : []) {
    const cidr = gateway === undefined ? undefined : { address: gateway, prefixLength: address.prefixLength };
    if (cidr !== undefined && !gateways.some((other) => isSameCidr(other, cidr))) gateways.push(cidr);
  }
  return { ips, routes, kernelRoutes: resolveRoutes(routes, ips), gateways };
}
