/**
 * Whether anything has changed since the overlay was last brought in order, found out without reading the peers. The
 * device's alias tells what it was made from, and what the kernel held then: two digests. So a repeated ADD costs a pass
 * over the kernel's entries and no more, and what somebody changed by hand shows.
 */

import { configurationText } from "../../shared/cni/configuration.ts";
import { withSummary } from "../../shared/cni/deferred-list.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { withNetfilter } from "../../shared/netfilter/host.ts";
import { listElements } from "../../shared/netfilter/nftables/element.ts";
import { listRules } from "../../shared/netfilter/nftables/message.ts";
import { ownTable } from "../../shared/netfilter/nftables/own-table.ts";
import { addressFamily, listAddressesMessage } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { listFdbMessage } from "../../shared/netlink/fdb.ts";
import { findLink, type Link } from "../../shared/netlink/link.ts";
import { listNeighboursMessage, NeighbourState } from "../../shared/netlink/neighbour.ts";
import { listRoutesMessage } from "../../shared/netlink/route.ts";
import { readVxlan } from "../../shared/netlink/vxlan.ts";
import { sha512 } from "../../shared/system/hash.ts";
import type { VxlanConfig } from "./config.ts";
import { PROTOCOL } from "./context.ts";
import { deviceText, sealedAlias } from "./device-alias.ts";
import { GUARD_CHAIN, guardSet } from "./guard-rule.ts";
import type { Underlay } from "./underlay.ts";

/** Keys of the configuration that say nothing of the overlay: they are the pod's, or the runtime's. */
const foreignKeys: readonly string[] = [
  "prevResult",
  "runtimeConfig",
  "args",
  "ipam",
  "dns",
  "capabilities",
  "cniVersion",
];

/** Grows with each release whose overlay is another one for the same configuration. */
const FORMAT = 3;

/** What the overlay is made from. The peers are in it by their text: where nothing has changed, they are not even parsed. */
export function configurationDigest(raw: JsonObject, { local, link, mtu }: Underlay): string {
  const own = Object.keys(raw)
    .filter((key) => !foreignKeys.includes(key) && !key.startsWith("cni.dev/"))
    .map((key) => [key, withSummary(raw[key], sha512)]);
  return sha512(configurationText([FORMAT, own, formatIp(local), link.index, link.name, mtu])).slice(0, 16);
}

/** A sum over entries, whatever their order. */
class Sum {
  count = 0;
  total = 0;

  /** Takes in `first`, and those attributes between the two positions whose types are in the mask `meant`. */
  add(words: Int32Array, start: number, end: number, first: number, meant: number): void {
    const PRIME = 0x01000193;
    let hash = first ^ 0x811c9dc5;
    for (let at = start; at < end; ) {
      // struct nlattr: length and type.
      const header = words[at] as number;
      const behind = at + (((header & 0xffff) + 3) >> 2);
      if (behind <= at || behind > end) break;
      const type = (header >>> 16) & 0x3fff;
      if (type < 32 && ((meant >>> type) & 1) !== 0) {
        for (; at < behind; at++) {
          hash = Math.imul(hash ^ (words[at] as number), PRIME);
          hash ^= hash >>> 15;
        }
      }
      at = behind;
    }
    this.count++;
    this.total = (this.total + hash) | 0;
  }
}

const bits = (...types: readonly number[]) => types.reduce((mask, type) => mask | (1 << type), 0);
/** NDA_DST, NDA_LLADDR, NDA_MASTER, NDA_PROTOCOL; times of use and the like are left out. */
const NEIGHBOUR_ATTRIBUTES = bits(1, 2, 9, 12);
/** RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC. */
const ROUTE_ATTRIBUTES = bits(1, 4, 5, 6, 7);
/** IFA_ADDRESS, IFA_LOCAL. */
const ADDRESS_ATTRIBUTES = bits(1, 2);
/**
 * NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS; of rules: chain, handle, user data. A table that is loaded again has
 * the same handles, but its rules have lost the sign that we made them.
 */
const SET_ATTRIBUTES = bits(2, 3, 7);
const MAIN_TABLE = 254;
const LINK_SCOPE = 253;
/** RTNH_F_ONLINK. */
const ONLINK = 4;
const families = [4, 6] as const;

/** Neighbours and forwarding entries in one of these states (struct ndmsg: interface in word 1, state in 2). */
function addNeighbours(sum: Sum, index: number, states: number) {
  return (words: Int32Array, start: number, end: number) => {
    const state = (words[start + 2] as number) & states;
    if (words[start + 1] === index && state !== 0)
      sum.add(words, start + 3, end, state, NEIGHBOUR_ATTRIBUTES);
  };
}

const { permanent, noArp } = NeighbourState;

/** Our routes (struct rtmsg: prefix length in word 0, protocol in 1, flags in 2). */
function addRoutes(sum: Sum) {
  return (words: Int32Array, start: number, end: number) => {
    if ((((words[start + 1] as number) >>> 8) & 0xff) !== PROTOCOL) return;
    const first = ((words[start] as number) & 0xff00) | ((words[start + 2] as number) & ONLINK);
    sum.add(words, start + 3, end, first, ROUTE_ATTRIBUTES);
  };
}

/** Addresses, but for link-local ones (struct ifaddrmsg: family, prefix length and scope in word 0, interface in 1). */
function addAddresses(sum: Sum, index: number) {
  return (words: Int32Array, start: number, end: number) => {
    const first = words[start] as number;
    if (words[start + 1] === index && first >>> 24 < LINK_SCOPE)
      sum.add(words, start + 2, end, first & 0xffff, ADDRESS_ATTRIBUTES);
  };
}

/** Rules of the guard's chain and elements of the network's set; false if they cannot be listed. */
function scanGuard(sum: Sum, { vni, port, network }: VxlanConfig, underlay: Underlay): boolean {
  const set = guardSet({ network, vni, port, family: underlay.local.family });
  return withNetfilter((connection) => {
    // Behind struct nfgenmsg, which is one word.
    const add = (words: Int32Array, start: number, end: number) =>
      sum.add(words, start + 1, end, 0, SET_ATTRIBUTES);
    return (
      connection.scan(listRules(ownTable, GUARD_CHAIN), add) &&
      connection.scan(listElements(ownTable, set), add)
    );
  });
}

const linkText = (link: Link): string => {
  const { mac, mtu, isUp, master } = link;
  const { local, ...rest } = readVxlan(link);
  const group = rest.group === undefined ? "" : formatIp(rest.group);
  const own = local === undefined ? "" : formatIp(local);
  return JSON.stringify([mac, mtu, isUp, master, own, { ...rest, group }, link.portData.u8(32) ?? 0]);
};

/** What the kernel holds of the overlay, in digits; undefined if it changed while it was looked at. */
function stateDigest(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  device: Link,
): string | undefined {
  const sum = new Sum();
  const { index } = device;
  if (!netlink.scan(listFdbMessage(index), addNeighbours(sum, index, permanent | noArp))) return undefined;
  if (config.l3 !== undefined && !netlink.scan(listAddressesMessage(index), addAddresses(sum, index)))
    return undefined;
  const neighboursOn = config.l3 === undefined ? (config.l2?.suppress === true ? device.master : 0) : index;
  for (const family of families) {
    const seen = addNeighbours(sum, neighboursOn, permanent);
    if (neighboursOn !== 0 && !netlink.scan(listNeighboursMessage(neighboursOn, family), seen))
      return undefined;
    if (config.l3 === undefined || !config.l3.networks.some(({ address }) => address.family === family))
      continue;
    const filter = { family, table: MAIN_TABLE, protocol: PROTOCOL };
    if (!netlink.scan(listRoutesMessage(filter), addRoutes(sum))) return undefined;
  }
  if (config.guard && !scanGuard(sum, config, underlay)) return undefined;
  return sha512(
    `${linkText(device)} ${addressFamily[underlay.local.family]} ${sum.count} ${sum.total}`,
  ).slice(0, 16);
}

/** The alias of the device while all is in order; undefined if that cannot be told. */
export function orderedAlias(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  digest: string,
): string | undefined {
  const device = findLink(netlink, config.device);
  if (device === undefined) return undefined;
  const state = stateDigest(netlink, config, underlay, device);
  return state === undefined ? undefined : sealedAlias(config, digest, state);
}

/** Whether the overlay is what this configuration made, untouched since. */
export function isInOrder(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  digest: string,
): boolean {
  const device = findLink(netlink, config.device);
  if (device === undefined || !device.alias.startsWith(`${deviceText(config.network)}${digest}.`))
    return false;
  const state = stateDigest(netlink, config, underlay, device);
  return state !== undefined && device.alias === sealedAlias(config, digest, state);
}
