/** What no list of peers may say, wherever it comes from. Pure. */
import { type Family, formatIp, isLinkLocal } from "../../../shared/ip/address.ts";
import {
  type Cidr,
  formatCidr,
  hostCidr,
  lastAddress,
  networkAddress,
  overlaps,
} from "../../../shared/ip/cidr.ts";
import { writeStandardError } from "../../../shared/system/stdio.ts";
import type { VxlanConfig } from "../config.ts";
import type { L3Config } from "../modes.ts";
import type { Underlay } from "../underlay.ts";
import { vtepMac } from "../vtep-mac.ts";
import { invalidPeer, type Peer } from "./peer.ts";

/** Each broadcast goes out once for each peer: RFC 7348 meant multicast for that. */
const MANY_COPIES = 64;
const TOO_MANY_COPIES = 256;

const isGroup = ({ vtep }: Peer): boolean =>
  vtep.family === 4 ? vtep.value >> 28n === 0xen : vtep.value >> 120n === 0xffn;

function refuseAddress(peer: Peer, { local, linkName }: Underlay): void {
  const { vtep } = peer;
  const text = formatIp(vtep);
  if (vtep.family !== local.family) {
    const advice = `this node's own address is ${formatIp(local)} on ${linkName}: all ends of an overlay have addresses of one family`;
    throw invalidPeer(peer, `has the address ${text} of another family`, advice);
  }
  if (vtep.value === local.value) {
    const advice = "list the other nodes only; underlay.local says which address is this node's";
    throw invalidPeer(peer, `has this node's own address ${text}`, advice);
  }
  if (vtep.value === 0n || isLinkLocal(vtep) || isGroup(peer)) {
    const advice = "give an address that belongs to one node and is routed to it; a group goes into l2.group";
    throw invalidPeer(peer, `has the address ${text}, which is not that of one node`, advice);
  }
}

/** Says which of two peers has what; the first one keeps it. */
function refuseRepetition(peers: readonly Peer[], what: string, keysOf: (peer: Peer) => string[]): void {
  const owners = new Map<string, Peer>();
  for (const peer of peers) {
    for (const key of keysOf(peer)) {
      const owner = owners.get(key);
      if (owner !== undefined) {
        throw invalidPeer(peer, `has ${what} ${key}, as "${owner.path}" has`, "each belongs to one node");
      }
      owners.set(key, peer);
    }
  }
}

/** A pod subnet, or the outer address of a node. */
interface Owned {
  readonly cidr: Cidr;
  /** Undefined: this node. */
  readonly peer: Peer | undefined;
  readonly isOuter: boolean;
}

/**
 * Throws if a pod subnet shares addresses with another, or holds a node's outer address: what is sent to that node would
 * go into the overlay again. Sorted by their start, only neighbours can.
 */
function refuseOverlap(config: VxlanConfig, { local }: Underlay, peers: readonly Peer[]): void {
  if (config.l3 === undefined) return;
  const all: Owned[] = [{ cidr: hostCidr(local), peer: undefined, isOuter: true }];
  for (const cidr of config.l3.subnets) all.push({ cidr, peer: undefined, isOuter: false });
  for (const peer of peers) {
    all.push({ cidr: hostCidr(peer.vtep), peer, isOuter: true });
    for (const cidr of peer.subnets) all.push({ cidr, peer, isOuter: false });
  }
  for (const family of [4, 6] as Family[]) {
    const sorted = all
      .filter(({ cidr }) => cidr.address.family === family)
      .sort((a, b) => Number(networkAddress(a.cidr).value - networkAddress(b.cidr).value));
    let widest = sorted[0];
    for (const item of sorted.slice(1)) {
      if (widest === undefined) break;
      if (overlaps(widest.cidr, item.cidr)) throw overlap(config.l3, widest, item);
      if (lastAddress(item.cidr).value > lastAddress(widest.cidr).value) widest = item;
    }
  }
}

function overlap(l3: L3Config, one: Owned, other: Owned) {
  if (one.isOuter || other.isOuter) return one.isOuter ? holding(l3, other, one) : holding(l3, one, other);
  const [named, second] = other.peer === undefined ? [one, other] : [other, one];
  const whose = second.peer === undefined ? "this node's own l3.subnets" : `"${second.peer.path}"`;
  const problem = `has the pod subnet ${formatCidr(named.cidr)}, which overlaps ${formatCidr(second.cidr)} of ${whose}`;
  return invalidPeer(named.peer as Peer, problem, "every node has pod subnets of its own");
}

function holding({ fields }: L3Config, subnet: Owned, outer: Owned) {
  const whose = outer.peer === undefined ? "this node" : `"${outer.peer.path}"`;
  const what = `${formatCidr(subnet.cidr)}, which holds the underlay address ${formatIp(outer.cidr.address)} of ${whose}`;
  const advice = "pods need addresses that no node has: give the subnet another range";
  if (subnet.peer === undefined) return fields.invalid("subnets", `has ${what}`, advice);
  return invalidPeer(subnet.peer, `has the pod subnet ${what}`, advice);
}

function refuseMode(peer: Peer, config: VxlanConfig): void {
  if (config.l3 === undefined) {
    if (peer.subnets.length === 0) return;
    throw invalidPeer(peer, "has subnets", "nothing is routed in the mode l2: remove them, or use l3");
  }
  if (peer.endpoints.length > 0) {
    throw invalidPeer(peer, "has macs", "in the mode l3 nodes know no MAC addresses of pods: remove them");
  }
  const outside = peer.subnets.find((cidr) => !config.l3?.networks.some((one) => isInside(cidr, one)));
  if (outside !== undefined) {
    const advice =
      "l3.network lists the networks that the nodes take their pod subnets from: correct one of them";
    throw invalidPeer(peer, `has the pod subnet ${formatCidr(outside)} outside of l3.network`, advice);
  }
}

export const isInside = (inner: Cidr, outer: Cidr): boolean =>
  inner.prefixLength >= outer.prefixLength && overlaps(inner, outer);

function refuseTooManyCopies({ l2 }: VxlanConfig, count: number): void {
  if (l2?.flood !== "replicate" || l2.suppress || count < MANY_COPIES) return;
  const problem = `every broadcast is sent ${count} times, once for each peer`;
  const advice = `set l2.arp to "suppress" and give the peers' macs, use a multicast group, or the mode l3`;
  if (count >= TOO_MANY_COPIES) throw l2.fields.invalid("flood", `is "replicate", but ${problem}`, advice);
  writeStandardError(`podwire: ${problem}: ${advice}\n`);
}

/** Throws code 7 for a list that cannot work. */
export function validatePeers(config: VxlanConfig, underlay: Underlay, peers: readonly Peer[]): void {
  for (const peer of peers) {
    refuseAddress(peer, underlay);
    refuseMode(peer, config);
  }
  refuseRepetition(peers, "the address", ({ vtep }) => [formatIp(vtep)]);
  refuseOverlap(config, underlay, peers);
  if (config.l3 !== undefined)
    refuseRepetition(peers, "the MAC address", (peer) => [peer.mac ?? vtepMac(peer.vtep)]);
  refuseRepetition(peers, "in macs", ({ endpoints }) => endpoints.map(({ mac }) => mac));
  const addresses = ({ endpoints }: Peer) => endpoints.flatMap((each) => each.addresses.map(formatIp));
  refuseRepetition(peers, "in macs", addresses);
  refuseTooManyCopies(config, peers.length);
}
