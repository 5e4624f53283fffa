/** The result's routes as the kernel gets them. Pure. */
import type { ResultIp, ResultRoute } from "../cni/result.ts";
import { type Family, isSameIp, isUnspecified } from "../ip/address.ts";
import { isSameCidr } from "../ip/cidr.ts";
import type { Route } from "../netlink/route.ts";

/** RT_SCOPE_LINK and below: the destination is on the link, so no gateway leads to it. */
const LINK_SCOPE = 253;

export const isLinkScope = (route: ResultRoute) => (route.scope ?? 0) >= LINK_SCOPE;

/** 0 or less means that the kernel's default counts, as in the reference plugins. */
const positive = (value: number | undefined) => (value === undefined || value > 0 ? value : undefined);

/** Without keys whose value is undefined, which a comparison would see. */
function withDefaults({ mtu, advmss, priority, table, ...rest }: ResultRoute): ResultRoute {
  const values = Object.entries({ mtu, advmss, priority, table });
  const meant = values.map(([key, value]) => [key, positive(value)] as const);
  return { ...rest, ...Object.fromEntries(meant.filter(([, value]) => value !== undefined)) };
}

/**
 * The routes, each once. A route that names no gateway gets that of its family. One that names 0.0.0.0 or :: has none: its destination
 * is on the link, as the kernel takes it and route(8) lists it.
 */
export function resolveRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): ResultRoute[] {
  const gatewayOf = (family: Family) => ips.find((ip) => ip.gateway?.family === family)?.gateway;
  const resolved: ResultRoute[] = [];
  for (const { gateway: named, ...given } of routes) {
    const route = withDefaults(given);
    const gateway = named ?? (isLinkScope(route) ? undefined : gatewayOf(route.destination.address.family));
    const full = gateway === undefined || isUnspecified(gateway) ? route : { ...route, gateway };
    if (!resolved.some((other) => isSameRoute(other, full))) resolved.push(full);
  }
  return resolved;
}

/** The kernel's defaults: include/uapi/linux/rtnetlink.h, and net/ipv6/route.c for the metric. */
const MAIN_TABLE = 254;
const IPV6_METRIC = 1024;

/** Whether the kernel takes the two for one route. */
export function isSameRoute(a: Route, b: Route): boolean {
  const metric = (route: Route) => {
    const isV6 = route.destination.address.family === 6;
    return (route.priority ?? 0) === 0 && isV6 ? IPV6_METRIC : (route.priority ?? 0);
  };
  const scope = (route: Route) => route.scope ?? (route.gateway === undefined ? LINK_SCOPE : 0);
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

/** Routes without a gateway first: a route that names its link must come before the ones whose gateway it leads to. */
export const connectedFirst = <Each extends Pick<Route, "gateway">>(routes: readonly Each[]): Each[] =>
  [...routes].sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined));
