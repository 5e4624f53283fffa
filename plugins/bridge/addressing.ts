/** The IPAM result as addresses and routes of the container, and as gateway addresses of the bridge. Pure. */
import { validateAddresses } from "../../shared/attachment/addresses.ts";
import { isLinkScope, resolveRoutes } from "../../shared/attachment/routes.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Result, ResultIp, ResultRoute } from "../../shared/cni/result.ts";
import { addToIp, formatIp, isSameIp } from "../../shared/ip/address.ts";
import {
  type Cidr,
  contains,
  defaultRoute,
  formatCidr,
  isSameCidr,
  networkOf,
} from "../../shared/ip/cidr.ts";

/** The index of the container's interface in the result: bridge, host's end, container's end. */
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

function noRoomForGateway(ip: ResultIp): CniError {
  const message = `the network of ${formatCidr(ip.address)} has no room for a gateway address`;
  const advice = "use a larger subnet, or leave isGateway out";
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/**
 * With isGateway the bridge has the gateway address, so it must be one of the container's network. Without one
 * from IPAM it is the first address of the network.
 */
function withGateway(ip: ResultIp, isGateway: boolean): ResultIp {
  if (!isGateway) return { ...ip, interface: CONTAINER_INTERFACE };
  const gateway = ip.gateway ?? addToIp(networkOf(ip.address).address, 1n);
  const fits = contains(ip.address, gateway) && !isSameIp(gateway, ip.address.address);
  if (fits) return { ...ip, gateway, interface: CONTAINER_INTERFACE };
  if (ip.gateway === undefined) throw noRoomForGateway(ip);
  const message = `the gateway ${formatIp(gateway)} is no other address in the network of ${formatCidr(ip.address)}`;
  const advice = "correct the gateway of the range, or leave isGateway out";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** 0 or less, and no table, mean the main one: 254. */
const isDefault = ({ destination, table = 0 }: ResultRoute) =>
  destination.prefixLength === 0 && (table <= 0 || table === 254);

/**
 * Adds a default route through the bridge for each family, unless IPAM gives one with a gateway. One that IPAM gives without a gateway
 * gets the bridge's.
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

/** Derives addresses, routes and gateways from the IPAM result. Throws code 7. */
export function planAddressing(ipam: Result, { isGateway, isDefaultGateway }: Options): Addressing {
  validateAddresses(ipam);
  const ips = ipam.ips.map((ip) => withGateway(ip, isGateway));
  const routes = isDefaultGateway ? withDefaultRoutes(ipam.routes, ips) : ipam.routes;
  const gateways: Cidr[] = [];
  for (const { gateway, address } of isGateway ? ips : []) {
    const cidr = gateway === undefined ? undefined : { address: gateway, prefixLength: address.prefixLength };
    if (cidr !== undefined && !gateways.some((other) => isSameCidr(other, cidr))) gateways.push(cidr);
  }
  return { ips, routes, kernelRoutes: resolveRoutes(routes, ips), gateways };
}
