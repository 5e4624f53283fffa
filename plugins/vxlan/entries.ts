/** The entries that make the overlay, as they should be: what follows from configuration, underlay and peers. Pure. */
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { type Cidr, hostCidr } from "../../shared/ip/cidr.ts";
import { type FdbEntry, FLOOD_MAC } from "../../shared/netlink/fdb.ts";
import type { Route } from "../../shared/netlink/route.ts";
import type { VxlanConfig } from "./config.ts";
import { PROTOCOL } from "./context.ts";
import type { Peer } from "./peers/peer.ts";
import { vtepMac } from "./vtep-mac.ts";

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
function overlayAddresses(subnets: readonly Cidr[]): IpAddress[] {
  const families = new Set<number>();
  return subnets.flatMap(({ address }) => {
    if (families.has(address.family)) return [];
    families.add(address.family);
    return [address];
  });
}

/** Peers on the same link as this node: how they are reached without encapsulation. */
export type DirectWays = ReadonlyMap<Peer, number>;

/** One route a subnet, one neighbour a family, one forwarding entry: nothing is ever looked for. */
function routedPeer(
  peer: Peer,
  device: number,
  direct: number | undefined,
): Pick<Entries, "neighbours" | "fdb" | "routes"> {
  const mac = peer.mac ?? vtepMac(peer.vtep);
  const isDirect = (cidr: Cidr) => direct !== undefined && cidr.address.family === peer.vtep.family;
  const encapsulated = peer.subnets.filter((cidr) => !isDirect(cidr));
  const gateways = overlayAddresses(peer.subnets).filter(({ family }) =>
    encapsulated.some(({ address }) => address.family === family),
  );
  const routes = peer.subnets.map((destination): RouteEntry => {
    if (direct !== undefined && isDirect(destination)) {
      return { destination, gateway: peer.vtep, index: direct, protocol: PROTOCOL };
    }
    const gateway = gateways.find(({ family }) => family === destination.address.family);
    return { destination, gateway, index: device, isOnLink: true, protocol: PROTOCOL };
  });
  return {
    routes,
    neighbours: gateways.map((address) => ({ address, mac })),
    fdb: gateways.length === 0 ? [] : [{ mac, destination: peer.vtep }],
  };
}

function routedEntries(
  config: VxlanConfig,
  peers: readonly Peer[],
  device: number,
  direct: DirectWays,
): Entries {
  const parts = peers.map((peer) => routedPeer(peer, device, direct.get(peer)));
  return {
    addresses: overlayAddresses(config.l3?.subnets ?? []).map(hostCidr),
    neighbours: parts.flatMap((part) => part.neighbours),
    fdb: parts.flatMap((part) => part.fdb),
    routes: parts.flatMap((part) => part.routes),
    bridgeNeighbours: [],
    bridgeFdb: [],
  };
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
