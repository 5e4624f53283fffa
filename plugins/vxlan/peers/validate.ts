/** Refuses lists of peers that cannot work, from any source. Pure. */
import { formatIp, type IpKey, ipKey, isLinkLocal, isMulticast } from "../../../shared/ip/address.ts";
import { type Cidr, formatCidr, hostCidr } from "../../../shared/ip/cidr.ts";
import { type CidrTable, findOverlap } from "../../../shared/ip/cidr-table.ts";
import { writeStandardError } from "../../../shared/system/stdio.ts";
import type { VxlanConfig } from "../config.ts";
import { type L3Config, tableOf } from "../modes.ts";
import type { Underlay } from "../underlay.ts";
import { invalidPeer, type Peer, pathOfPeer } from "./peer.ts";

/** Replication sends each broadcast once per peer; RFC 7348 intends multicast for many. */
const MANY_COPIES = 64;
const TOO_MANY_COPIES = 256;

function refuseAddress(peer: Peer, { local, linkName }: Underlay): void {
  const { vtep } = peer;
  if (vtep.family !== local.family) {
    const advice = `this node's own address is ${formatIp(local)} on ${linkName}: all addresses of an overlay must have the same family`;
    throw invalidPeer(peer, `has the address ${formatIp(vtep)} of another family`, advice);
  }
  if (vtep.value === local.value) {
    const advice = "list the other nodes only; underlay.local sets this node's address";
    throw invalidPeer(peer, `has this node's own address ${formatIp(vtep)}`, advice);
  }
  if (vtep.value === 0n || isLinkLocal(vtep) || isMulticast(vtep)) {
    const advice = "give an address that belongs to one node and is routed to it; a group goes into l2.group";
    throw invalidPeer(
      peer,
      `has the address ${formatIp(vtep)}, which does not belong to a single node`,
      advice,
    );
  }
}

/** Finds values that must be unique but that two peers have. */
class Owners {
  private readonly known = new Map<IpKey, Peer>();
  private readonly what: (peer: Peer, key: IpKey) => string;

  /** `what` completes "has ...". */
  constructor(what: (peer: Peer, key: IpKey) => string) {
    this.what = what;
  }

  /** Throws if another peer has the value. */
  add(peer: Peer, key: IpKey): void {
    const owner = this.known.get(key);
    if (owner !== undefined) {
      const problem = `has ${this.what(peer, key)}, as "${pathOfPeer(owner)}" has`;
      throw invalidPeer(peer, problem, "each belongs to one node");
    }
    this.known.set(key, peer);
  }
}

function refuseRepetitions(config: VxlanConfig, peers: readonly Peer[]): void {
  const vteps = new Owners(({ vtep }) => `the address ${formatIp(vtep)}`);
  const macs = new Owners((_, mac) => `the MAC address ${mac}`);
  const known = new Owners((_, key) => `in macs ${key}`);
  for (const peer of peers) {
    const { vtep, mac, endpoints } = peer;
    vteps.add(peer, ipKey(vtep));
    if (config.l3 !== undefined) macs.add(peer, mac);
    for (const endpoint of endpoints) {
      known.add(peer, endpoint.mac);
      for (const address of endpoint.addresses) known.add(peer, formatIp(address));
    }
  }
}

/** A pod subnet, or the outer address of a node. */
interface Owned {
  readonly cidr: Cidr;
  /** Undefined for this node. */
  readonly peer: Peer | undefined;
  readonly isOuter: boolean;
}

/**
 * Throws if a pod subnet overlaps another one, or contains a node's outer address: packets to that node would enter
 * the overlay again.
 */
function validateSubnets(config: VxlanConfig, { local }: Underlay, peers: readonly Peer[]): void {
  if (config.l3 === undefined) return;
  const all: Owned[] = [{ cidr: hostCidr(local), peer: undefined, isOuter: true }];
  for (const cidr of config.l3.subnets) all.push({ cidr, peer: undefined, isOuter: false });
  for (const peer of peers) {
    all.push({ cidr: hostCidr(peer.vtep), peer, isOuter: true });
    for (const cidr of peer.subnets) all.push({ cidr, peer, isOuter: false });
  }
  const pair = findOverlap(all, ({ cidr }) => cidr);
  if (pair !== undefined) throw overlap(config.l3, ...pair);
}

function overlap(l3: L3Config, one: Owned, other: Owned) {
  if (one.isOuter || other.isOuter) return one.isOuter ? holding(l3, other, one) : holding(l3, one, other);
  const [named, second] = other.peer === undefined ? [one, other] : [other, one];
  const whose = second.peer === undefined ? "this node's own l3.subnets" : `"${pathOfPeer(second.peer)}"`;
  const problem = `has the pod subnet ${formatCidr(named.cidr)}, which overlaps ${formatCidr(second.cidr)} of ${whose}`;
  return invalidPeer(named.peer as Peer, problem, "each node needs pod subnets of its own");
}

function holding({ fields }: L3Config, subnet: Owned, outer: Owned) {
  const whose = outer.peer === undefined ? "this node" : `"${pathOfPeer(outer.peer)}"`;
  const what = `${formatCidr(subnet.cidr)}, which holds the underlay address ${formatIp(outer.cidr.address)} of ${whose}`;
  const advice = "a node's address cannot be a pod's: give the subnet another range";
  if (subnet.peer === undefined) return fields.invalid("subnets", `has ${what}`, advice);
  return invalidPeer(subnet.peer, `has the pod subnet ${what}`, advice);
}

/** `networks` are those of l3. */
function validateMode(peer: Peer, networks: CidrTable<Cidr> | undefined): void {
  if (networks === undefined) {
    if (peer.subnets.length === 0) return;
    throw invalidPeer(peer, "has subnets", "nothing is routed in the mode l2: remove them, or use l3");
  }
  if (peer.endpoints.length > 0) {
    throw invalidPeer(peer, "has macs", "the mode l3 uses no MAC addresses of pods: remove them");
  }
  const outside = peer.subnets.find((cidr) => networks.findHolder(cidr, "same or wider") === undefined);
  if (outside !== undefined) {
    const advice =
      "l3.network lists the networks that the nodes take their pod subnets from: correct one of them";
    throw invalidPeer(peer, `has the pod subnet ${formatCidr(outside)} outside of l3.network`, advice);
  }
}

function refuseTooManyCopies({ l2 }: VxlanConfig, count: number): void {
  if (l2?.flood !== "replicate" || l2.suppress || count < MANY_COPIES) return;
  const problem = `every broadcast is sent ${count} times, once for each peer`;
  const advice = `set l2.arp to "suppress" and give the peers' macs, use a multicast group, or the mode l3`;
  if (count >= TOO_MANY_COPIES) throw l2.fields.invalid("flood", `is "replicate", but ${problem}`, advice);
  writeStandardError(`podwire: ${problem}: ${advice}\n`);
}

/** Throws code 7 for a list that cannot work. */
export function validatePeers(config: VxlanConfig, underlay: Underlay, peers: readonly Peer[]): void {
  const networks = config.l3 === undefined ? undefined : tableOf(config.l3.networks);
  for (const peer of peers) {
    refuseAddress(peer, underlay);
    validateMode(peer, networks);
  }
  refuseRepetitions(config, peers);
  validateSubnets(config, underlay, peers);
  refuseTooManyCopies(config, peers.length);
}
