/** Reads the overlay's entries from the kernel and changes them to the wanted ones. */
import { formatIp, type IpAddress, ipKey, isSameIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, isSameCidr, overlaps } from "../../shared/ip/cidr.ts";
import { addAddress, deleteAddress, listAddresses } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { deleteFdb, type FdbEntry, FLOOD_MAC, listFdb, setFdb } from "../../shared/netlink/fdb.ts";
import { findLinkByIndex, type Link, parseMac } from "../../shared/netlink/link.ts";
import {
  deleteNeighbour,
  listNeighbours,
  NeighbourState,
  setNeighbour,
} from "../../shared/netlink/neighbour.ts";
import { addRoute, deleteRoute, listRoutes } from "../../shared/netlink/route.ts";
import type { VxlanConfig } from "./config.ts";
import { PROTOCOL } from "./context.ts";
import { routedNetworks } from "./device-alias.ts";
import { compareEntries, type Difference, type Kind } from "./difference.ts";
import { describeFdb, type Entries, type NeighbourEntry, type RouteEntry } from "./entries.ts";

const LINK_SCOPE = 253;
/** The kernel's metric for a route without one. */
const IPV6_METRIC = 1024;
const MAIN_TABLE = 254;

/**
 * The overlay's routes into its current and former networks: those on its device, and those to peers on the same link.
 */
function readRoutes(netlink: NetlinkConnection, { l3 }: VxlanConfig, device: Link): RouteEntry[] {
  const networks = [...(l3?.networks ?? []), ...routedNetworks(device)];
  if (networks.length === 0) return [];
  const isMeant = ({ index, destination }: RouteEntry) =>
    index === device.index || networks.some((one) => overlaps(one, destination));
  return ([4, 6] as const).flatMap((family) =>
    listRoutes(netlink, { family, table: MAIN_TABLE, protocol: PROTOCOL }).filter(isMeant),
  );
}

/** The network's entries in the kernel: all on its own device, and marked ones on other interfaces. */
export function readEntries(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  device: Link,
  bridge: Link | undefined,
): Entries {
  const fdb = listFdb(netlink, device.index).filter(({ isStatic }) => isStatic);
  const isRouted = config.l3 !== undefined;
  const bridgeNeighbours = bridge === undefined ? [] : listNeighbours(netlink, bridge.index);
  return {
    addresses: isRouted
      ? listAddresses(netlink, device.index).flatMap(({ cidr, scope }) => (scope < LINK_SCOPE ? [cidr] : []))
      : [],
    neighbours: isRouted
      ? listNeighbours(netlink, device.index).filter(({ isPermanent }) => isPermanent)
      : [],
    bridgeNeighbours: bridgeNeighbours.filter(
      ({ isPermanent, protocol }) => isPermanent && protocol === PROTOCOL,
    ),
    fdb: fdb.filter(({ isOfBridge }) => !isOfBridge),
    bridgeFdb: fdb.filter(({ isOfBridge }) => isOfBridge),
    routes: readRoutes(netlink, config, device),
  };
}

const permanent = { state: NeighbourState.permanent, protocol: PROTOCOL };

const isSameOrNone = (one: IpAddress | undefined, other: IpAddress | undefined) =>
  one === undefined || other === undefined ? one === other : isSameIp(one, other);

function neighbourKind({ index, name }: Link): Kind<NeighbourEntry> {
  return {
    identity: ({ address }) => ipKey(address),
    isSame: (one, other) => one.mac === other.mac,
    text: ({ address, mac }) => `neighbour ${formatIp(address)} lladdr ${mac} on ${name}`,
    set: ({ address, mac }) => setNeighbour(index, address, parseMac(mac) as Uint8Array, permanent),
    remove: ({ address }) => deleteNeighbour(index, address),
  };
}

function fdbKind({ index, name }: Link, where: string): Kind<FdbEntry> {
  const text = (entry: FdbEntry) => `${describeFdb(entry)} ${where} ${name}`;
  return {
    // A flood entry has many remote addresses, another entry only one.
    identity: (entry) => (entry.mac === FLOOD_MAC ? text(entry) : entry.mac),
    isSame: (one, other) => isSameOrNone(one.destination, other.destination),
    text,
    set: (entry) => setFdb(index, entry),
    remove: (entry) => deleteFdb(index, entry),
  };
}

const routeKind = (nameOf: (index: number) => string): Kind<RouteEntry> => ({
  identity: ({ destination: { address, prefixLength }, priority = 0 }) => {
    const metric = address.family === 6 && priority === 0 ? IPV6_METRIC : priority;
    return `${ipKey(address)}/${prefixLength} ${address.family} ${metric}`;
  },
  isSame: (one, other) =>
    one.index === other.index &&
    (one.isOnLink ?? false) === (other.isOnLink ?? false) &&
    isSameOrNone(one.gateway, other.gateway),
  text: ({ destination, gateway, index, isOnLink = false }) =>
    `route ${formatCidr(destination)} via ${gateway === undefined ? "no gateway" : formatIp(gateway)} on ${nameOf(index)}${isOnLink ? " onlink" : ""}`,
  set: (route, isReplacement) => addRoute(route.index, route, isReplacement ? "replace" : "exclusive"),
  remove: (route) => deleteRoute(route.index, route),
});

function addressKind({ index, name }: Link): Kind<Cidr> {
  return {
    identity: formatCidr,
    isSame: isSameCidr,
    text: (cidr) => `address ${formatCidr(cidr)} on ${name}`,
    set: (cidr) => addAddress(index, cidr, { detectDuplicates: false }),
    remove: (cidr) => deleteAddress(index, cidr),
  };
}

/** All differences in the order of adding: an entry follows those that it needs. `netlink` is for names in problems. */
export function compareAll(
  netlink: NetlinkConnection,
  held: Entries,
  wanted: Entries,
  device: Link,
  bridge: Link | undefined,
): Difference[] {
  const onBridge = bridge ?? device;
  const nameOf = (index: number) => findLinkByIndex(netlink, index)?.name ?? "an interface that is gone";
  return [
    compareEntries(addressKind(device), held.addresses, wanted.addresses),
    compareEntries(neighbourKind(device), held.neighbours, wanted.neighbours),
    compareEntries(fdbKind(device, "of"), held.fdb, wanted.fdb),
    compareEntries(fdbKind(device, "in the bridge behind"), held.bridgeFdb, wanted.bridgeFdb),
    compareEntries(neighbourKind(onBridge), held.bridgeNeighbours, wanted.bridgeNeighbours),
    compareEntries(routeKind(nameOf), held.routes, wanted.routes),
  ];
}
