/** The entries that make the overlay, as they should be: what follows from configuration, underlay and peers. Pure. */
import { type Family, formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { type Cidr, hostCidr } from "../../shared/ip/cidr.ts";
import { type FdbEntry, FLOOD_MAC } from "../../shared/netlink/fdb.ts";
import type { Route } from "../../shared/netlink/route.ts";
import type { VxlanConfig } from "./config.ts";
import { PROTOCOL } from "./context.ts";
import type { Peer } from "./peers/peer.ts";

export interface NeighbourEntry {
  readonly address: IpAddress;
  readonly mac: string;
}

/** A route, and the interface it leads to. */
export interface RouteEntry extends Route {
  readonly index: number;
}

export interface Entries {
  /** Addresses of the device. */
  readonly addresses: readonly Cidr[];
  /** On the device. */
  readonly neighbours: readonly NeighbourEntry[];
  /** On the bridge, for it to answer in the peers' place. */
  readonly bridgeNeighbours: readonly NeighbourEntry[];
  /** In the device's own database. */
  readonly fdb: readonly FdbEntry[];
  /** In the bridge's, behind the device. */
  readonly bridgeFdb: readonly FdbEntry[];
  readonly routes: readonly RouteEntry[];
}

/**
 * A node's address inside the overlay, once a family: the first address of its first pod subnet, which no pod gets. It is
 * the gateway of that node's subnets, and what its own traffic to remote pods comes from.
 */
function overlayAddress(subnets: readonly Cidr[], family: Family): IpAddress | undefined {
  for (const { address } of subnets) if (address.family === family) return address;
  return undefined;
}

/** Peers on the same link as this node: how they are reached without encapsulation. */
export type DirectWays = ReadonlyMap<Peer, number>;

const families: readonly Family[] = [4, 6];

/** The entries of routed peers, as they are collected. */
interface Routed {
  readonly routes: RouteEntry[];
  readonly neighbours: NeighbourEntry[];
  readonly fdb: FdbEntry[];
}

/** Adds those of a peer: one route a subnet, one neighbour a family, one forwarding entry. So nothing is ever looked for. */
function addPeer(
  { routes, neighbours, fdb }: Routed,
  peer: Peer,
  device: number,
  direct: number | undefined,
): void {
  const { mac, vtep, subnets } = peer;
  let isEncapsulated = false;
  for (const family of families) {
    const gateway = overlayAddress(subnets, family);
    if (gateway === undefined || (direct !== undefined && family === vtep.family)) continue;
    neighbours.push({ address: gateway, mac });
    isEncapsulated = true;
  }
  for (const destination of subnets) {
    const { family } = destination.address;
    if (direct !== undefined && family === vtep.family) {
      routes.push({ destination, gateway: vtep, index: direct, protocol: PROTOCOL });
      continue;
    }
    const gateway = overlayAddress(subnets, family);
    routes.push({ destination, gateway, index: device, isOnLink: true, protocol: PROTOCOL });
  }
  if (isEncapsulated) fdb.push({ mac, destination: vtep });
}

function routedEntries(
  config: VxlanConfig,
  peers: readonly Peer[],
  device: number,
  direct: DirectWays,
): Entries {
  const routed: Routed = { routes: [], neighbours: [], fdb: [] };
  for (const peer of peers) addPeer(routed, peer, device, direct.get(peer));
  const own = families.flatMap((family) => overlayAddress(config.l3?.subnets ?? [], family) ?? []);
  return { ...routed, addresses: own.map(hostCidr), bridgeNeighbours: [], bridgeFdb: [] };
}

function bridgedEntries({ l2 }: VxlanConfig, peers: readonly Peer[]): Entries {
  const flooded = l2?.flood === "replicate" ? peers.map(({ vtep }) => vtep) : [];
  // The kernel makes this one itself, with the device.
  if (l2?.group !== undefined) flooded.push(l2.group);
  const known = peers.flatMap((peer) => peer.endpoints.map((endpoint) => ({ ...endpoint, vtep: peer.vtep })));
  const suppressed = l2?.suppress === true ? known : [];
  return {
    addresses: [],
    neighbours: [],
    routes: [],
    fdb: [
      ...flooded.map((destination) => ({ mac: FLOOD_MAC, destination })),
      ...known.map(({ mac, vtep }) => ({ mac, destination: vtep })),
    ],
    bridgeFdb: known.map(({ mac }) => ({ mac, destination: undefined })),
    bridgeNeighbours: suppressed.flatMap(({ mac, addresses }) =>
      addresses.map((address) => ({ address, mac })),
    ),
  };
}

export function wantedEntries(
  config: VxlanConfig,
  peers: readonly Peer[],
  device: number,
  direct: DirectWays,
): Entries {
  return config.l3 === undefined
    ? bridgedEntries(config, peers)
    : routedEntries(config, peers, device, direct);
}

export const describeFdb = ({ mac, destination }: FdbEntry): string => {
  const where = destination === undefined ? "" : ` -> ${formatIp(destination)}`;
  return mac === FLOOD_MAC ? `flood entry${where}` : `forwarding entry ${mac}${where}`;
};
