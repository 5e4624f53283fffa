/** The tables of an interface: what goes where. Pure. */
import { freeTables } from "../../shared/attachment/routing-tables.ts";
import type { ResultIp } from "../../shared/cni/result.ts";
import { type IpAddress, isSameIp } from "../../shared/ip/address.ts";
import { contains, defaultRoute, isSameCidr, isSingle, networkOf, parseCidr } from "../../shared/ip/cidr.ts";
import type { KernelRoute, Route } from "../../shared/netlink/route.ts";
import type { SbrConfig } from "./config.ts";

/** The first number for tables; the reference plugin begins there too. */
const FIRST_TABLE = 100;

const SCOPE_LINK = 253;

/** The table of one address: its number, its source address and its routes. */
export interface Table {
  readonly source: IpAddress;
  readonly number: number;
  readonly routes: readonly Route[];
}

/** fe80::/10 (RFC 4291): neighbour discovery needs its route in the main table, whatever the source of other packets. */
const linkLocal = parseCidr("fe80::/10");
export const isLinkLocal = ({ destination }: Route): boolean =>
  linkLocal !== undefined && contains(linkLocal, destination.address) && destination.prefixLength >= 10;

/** Whether a route of the interface is of use to packets from the address: it names no other network's source or gateway. */
function serves(route: KernelRoute, { address }: ResultIp): boolean {
  if (route.destination.address.family !== address.address.family || isLinkLocal(route)) return false;
  const { source, gateway } = route;
  if (source !== undefined) return contains(address, source);
  return gateway === undefined || contains(address, gateway);
}

/** rtm_protocol of the routes that sbr makes and that were not in the main table; the kernel leaves numbers above 4 to programs. */
export const OWN_PROTOCOL = 113;

const hasGateway = (route: Route, gateway: IpAddress) =>
  route.gateway !== undefined && isSameIp(route.gateway, gateway);

/** The routes of an address's table: those of the interface that serve it, and the default route by its gateway. */
function routesOf(
  ip: ResultIp,
  routes: readonly KernelRoute[],
  { gateways }: SbrConfig,
  table: number,
): Route[] {
  const { family } = ip.address.address;
  const gateway = gateways[family] ?? ip.gateway;
  const everywhere = defaultRoute(family);
  const isDefault = ({ destination }: Route) => isSameCidr(destination, everywhere);
  const copied = routes
    .filter((route) => serves(route, ip))
    .filter((route) => gateway === undefined || !isDefault(route) || hasGateway(route, gateway))
    .map(({ index: _, isHopHidden: __, ...route }) => ({ ...route, table }));
  const added: Route[] = [];
  const own = networkOf(ip.address);
  // Without it in the main table, as after an ADD that was killed, no route leads to the gateway.
  if (!isSingle(ip.address) && !copied.some(({ destination }) => isSameCidr(destination, own)))
    added.push({ destination: own, source: ip.address.address, table, protocol: OWN_PROTOCOL });
  if (gateway !== undefined && !copied.some(isDefault)) {
    const isOnLink = !contains(ip.address, gateway);
    added.push({ destination: everywhere, gateway, table, protocol: OWN_PROTOCOL, isOnLink });
  }
  return [...copied, ...added];
}

/** The tables for these addresses. `routes` are those of the interface in the main table. */
export function planTables(
  ips: readonly ResultIp[],
  routes: readonly KernelRoute[],
  used: ReadonlySet<number>,
  config: SbrConfig,
): Table[] {
  if (config.table !== undefined) {
    const number = config.table;
    return ips.map(({ address }) => ({ source: address.address, number, routes: [] }));
  }
  const numbers = freeTables(used, ips.length, FIRST_TABLE);
  return ips.map((ip, index) => {
    const number = numbers[index] ?? FIRST_TABLE;
    return { source: ip.address.address, number, routes: routesOf(ip, routes, config, number) };
  });
}

/** What of the main table goes: all routes of the interface, or with source hints those beyond its own networks. */
export function leavingRoutes(
  routes: readonly KernelRoute[],
  { table, addSourceHints }: SbrConfig,
): KernelRoute[] {
  if (table !== undefined) return [];
  const isOwn = ({ gateway, scope, destination }: KernelRoute) =>
    gateway === undefined && (destination.address.family === 6 || scope === SCOPE_LINK);
  return routes.filter((route) => !isLinkLocal(route) && !(addSourceHints && isOwn(route)));
}

/** The routes to the interface's networks that get its address as their source. */
export function hintedRoutes(
  ips: readonly ResultIp[],
  routes: readonly KernelRoute[],
  config: SbrConfig,
): KernelRoute[] {
  if (!config.addSourceHints || config.table !== undefined) return [];
  const leaving = new Set(leavingRoutes(routes, config));
  const staying = routes.filter((route) => !leaving.has(route) && !isLinkLocal(route));
  return staying.flatMap((route) => {
    const source = ips.find(({ address }) => contains(address, route.destination.address))?.address.address;
    const isThere = source === undefined || (route.source !== undefined && isSameIp(route.source, source));
    return isThere ? [] : [{ ...route, source }];
  });
}
