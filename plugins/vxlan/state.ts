/**
 * Whether anything has changed since the overlay was last brought in order, found out without reading the peers. The
 * device's alias tells what it was made from, and what the kernel held then: two digests. So a repeated ADD costs a sum
 * over the kernel's entries and no more, and what somebody changed by hand shows.
 */

import { configurationText } from "../../shared/cni/configuration.ts";
import { withSummary } from "../../shared/cni/deferred-list.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import { type Family, formatIp } from "../../shared/ip/address.ts";
import { formatCidr } from "../../shared/ip/cidr.ts";
import { addressFamily, listAddresses } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { newSum, type Selection } from "../../shared/netlink/dump-sum.ts";
import { listFdbMessage } from "../../shared/netlink/fdb.ts";
import { findLink, type Link } from "../../shared/netlink/link.ts";
import { listNeighboursMessage, NeighbourState } from "../../shared/netlink/neighbour.ts";
import { withNetfilter } from "../../shared/netlink/netfilter.ts";
import { listRoutesMessage } from "../../shared/netlink/route.ts";
import { readVxlan } from "../../shared/netlink/vxlan.ts";
import { listElements } from "../../shared/nftables/element.ts";
import { listRules } from "../../shared/nftables/message.ts";
import { sha512 } from "../../shared/system/hash.ts";
import type { VxlanConfig } from "./config.ts";
import { PROTOCOL } from "./context.ts";
import { deviceText, sealedAlias } from "./device-alias.ts";
import { GUARD_CHAIN, guardSet, guardTable } from "./guard-rule.ts";
import { noteLook, wasLookedAt } from "./last-look.ts";
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

const MAIN_TABLE = 254;
const LINK_SCOPE = 253;
/** RTNH_F_ONLINK. */
const ONLINK = 4;
/** NUD_INCOMPLETE, NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE and NUD_FAILED: what comes and goes by itself. */
const DYNAMIC = 0x3f;
const families = [4, 6] as const;

const { permanent, noArp } = NeighbourState;

/**
 * Given neighbours and forwarding entries of an interface (struct ndmsg: interface, state), those that have all bits of `states`:
 * NDA_DST, NDA_LLADDR, NDA_MASTER, NDA_PROTOCOL.
 */
const neighbours = (index: number, states: number): Selection => ({
  header: [
    {},
    { mask: ~0, value: index },
    { mask: states | DYNAMIC, value: states, kept: permanent | noArp },
  ],
  attributes: [1, 2, 9, 12],
});

/**
 * Our routes (struct rtmsg: prefix length, protocol and kind, flags): RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY,
 * RTA_PREFSRC.
 */
const ownRoutes: Selection = {
  header: [{ kept: 0xff00 }, { mask: 0xff00, value: PROTOCOL << 8, kept: 0xff000000 }, { kept: ONLINK }],
  attributes: [1, 4, 5, 6, 7],
};

/**
 * Rules of the guard's chain, behind struct nfgenmsg: NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_USERDATA. A table that is
 * loaded again has the same handles, but its rules have lost the sign that we made them.
 */
const guardRules: Selection = { header: [{}], attributes: [2, 3, 7] };
/** NFTA_SET_ELEM_LIST_SET, and the elements in NFTA_SET_ELEM_LIST_ELEMENTS. */
const setElements: Selection = { header: [{}], attributes: [2], list: 3 };

/** Adds the guard's rules and addresses to a sum; false if they cannot be listed. */
function addGuard(
  sum: BigUint64Array,
  { vni, port, network }: VxlanConfig,
  { local: { family } }: Underlay,
): boolean {
  const set = guardSet({ network, vni, port, family });
  const table = guardTable(network);
  return withNetfilter(
    (connection) =>
      connection.addToSum(listRules(table, GUARD_CHAIN), guardRules, sum) &&
      connection.addToSum(listElements(table, set), setElements, sum),
  );
}

/** The addresses of the device, but for link-local ones. */
function addressText(netlink: NetlinkConnection, index: number): string {
  const given = listAddresses(netlink, index).filter(({ scope }) => scope < LINK_SCOPE);
  return given.map(({ cidr }) => formatCidr(cidr)).join(" ");
}

const linkText = (link: Link): string => {
  const { mac, mtu, isUp, master } = link;
  const { local, ...rest } = readVxlan(link);
  const group = rest.group === undefined ? "" : formatIp(rest.group);
  const own = local === undefined ? "" : formatIp(local);
  return JSON.stringify([mac, mtu, isUp, master, own, { ...rest, group }, link.portData.u8(32) ?? 0]);
};

/** Adds the entries of the overlay to a sum; false if they changed while they were looked at. */
function addEntries(
  sum: BigUint64Array,
  netlink: NetlinkConnection,
  { l2, l3 }: VxlanConfig,
  { index, master }: Link,
): boolean {
  // A static entry of a bridge is not permanent: that is an address of one of its ports.
  if (!netlink.addToSum(listFdbMessage(index), neighbours(index, 0), sum)) return false;
  const neighboursOn = l3 !== undefined ? index : l2?.suppress === true ? master : 0;
  const isRouted = (family: Family) => l3?.networks.some(({ address }) => address.family === family) ?? false;
  const filter = { table: MAIN_TABLE, protocol: PROTOCOL };
  return families.every(
    (family) =>
      (neighboursOn === 0 ||
        netlink.addToSum(
          listNeighboursMessage(neighboursOn, family),
          neighbours(neighboursOn, permanent),
          sum,
        )) &&
      (!isRouted(family) || netlink.addToSum(listRoutesMessage({ ...filter, family }), ownRoutes, sum)),
  );
}

/** What the kernel holds of the overlay. */
interface State {
  readonly digest: string;
  /** How many entries there are. */
  readonly entries: number;
}

/** Undefined if it changed while it was looked at. */
function stateOf(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  device: Link,
): State | undefined {
  const sum = newSum();
  if (!addEntries(sum, netlink, config, device)) return undefined;
  if (config.guard && !addGuard(sum, config, underlay)) return undefined;
  const addresses = config.l3 === undefined ? "" : addressText(netlink, device.index);
  const { family } = underlay.local;
  const text = [linkText(device), addressFamily[family], addresses, ...sum].join(" ");
  return { digest: sha512(text).slice(0, 16), entries: Number(sum[0]) };
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
  const state = stateOf(netlink, config, underlay, device);
  return state === undefined ? undefined : sealedAlias(config, digest, state.digest);
}

/** Whether the overlay is what this configuration made, untouched since. */
export function isInOrder(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  digest: string,
): boolean {
  const { network } = config;
  const device = findLink(netlink, config.device);
  if (device === undefined || !device.alias.startsWith(`${deviceText(network)}${digest}.`)) return false;
  const text = `${device.index} ${device.alias} ${linkText(device)}`;
  if (wasLookedAt(network, text)) return true;
  const state = stateOf(netlink, config, underlay, device);
  if (state === undefined || device.alias !== sealedAlias(config, digest, state.digest)) return false;
  noteLook(network, text, state.entries);
  return true;
}
