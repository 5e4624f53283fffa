/** The entries that form the overlay, computed from configuration, underlay and peers. Pure. */
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

/** A route and its interface. */
export interface RouteEntry extends Route {
  readonly index: number;
}

export interface Entries {
  /** Addresses on the VXLAN device. */
  readonly addresses: readonly Cidr[];
  /** On the VXLAN device. */
  readonly neighbours: readonly NeighbourEntry[];
  /** On the bridge, which answers for the peers' pods (neighbour suppression). */
  readonly bridgeNeighbours: readonly NeighbourEntry[];
  /** In the VXLAN device's own forwarding database. */
  readonly fdb: readonly FdbEntry[];
  /** In the bridge's forwarding database, at the port of the VXLAN device. */
  readonly bridgeFdb: readonly FdbEntry[];
  readonly routes: readonly RouteEntry[];
}

/**
 * A node's address inside the overlay, one per family: the first address of its first pod subnet, which no pod gets.
 * It is the gateway of the node's subnets, and the source of the node's own traffic to remote pods.
 */
function overlayAddress(subnets: readonly Cidr[], family: Family): IpAddress | undefined {
  for (const { address } of subnets) if (address.family === family) return address;
  return undefined;
}

/** Peers on the same link as this node, with the interface that reaches them without encapsulation. */
export type DirectPeers = ReadonlyMap<Peer, number>;

const families: readonly Family[] = [4, 6];

/** The entries of routed peers, as they are collected. */
interface Routed {
  readonly routes: RouteEntry[];
  readonly neighbours: NeighbourEntry[];
  readonly fdb: FdbEntry[];
}

/**
 * Adds a peer's entries: one route per subnet, one neighbour per family, one forwarding entry. With these the kernel
 * never sends an ARP request to find a peer.
 */
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
  direct: DirectPeers,
): Entries {
  const routed: Routed = { routes: [], neighbours: [], fdb: [] };
  for (const peer of peers) addPeer(routed, peer, device, direct.get(peer));
  const own = families.flatMap((family) => overlayAddress(config.l3?.subnets ?? [], family) ?? []);
  return { ...routed, addresses: own.map(hostCidr), bridgeNeighbours: [], bridgeFdb: [] };
}

function bridgedEntries({ l2 }: VxlanConfig, peers: readonly Peer[]): Entries {
  const flooded = l2?.flood === "replicate" ? peers.map(({ vtep }) => vtep) : [];
  // The kernel makes this entry together with the device.
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
  direct: DirectPeers,
): Entries {
  return config.l3 === undefined
    ? bridgedEntries(config, peers)
    : routedEntries(config, peers, device, direct);
}

export const describeFdb = ({ mac, destination }: FdbEntry): string => {
  const where = destination === undefined ? "" : ` -> ${formatIp(destination)}`;
  return mac === FLOOD_MAC ? `flood entry${where}` : `forwarding entry ${mac}${where}`;
};
