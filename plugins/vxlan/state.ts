/**
 * Detects changes since the overlay was last in order, without reading the peers. The device's alias has two digests:
 * of the configuration, and of the kernel's entries. So a repeated ADD only sums the kernel's entries, and finds
 * changes made by hand.
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
import { deviceText, verifiedAlias } from "./device-alias.ts";
import { guardSet, guardTable } from "./guard-rule.ts";
import { recordCheck, wasCheckedRecently } from "./last-check.ts";
import type { Underlay } from "./underlay.ts";

/** Keys that do not affect the overlay: they are for the pod or the runtime. */
const foreignKeys: readonly string[] = [
  "prevResult",
  "runtimeConfig",
  "args",
  "ipam",
  "dns",
  "capabilities",
  "cniVersion",
];

/** Incremented by each release that makes another overlay from the same configuration. */
const FORMAT = 3;

/**
 * A digest of everything that the overlay is made from. The peers are included as text: unchanged peers are not even
 * parsed.
 */
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
/**
 * NUD_INCOMPLETE, NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE and NUD_FAILED: states that the kernel sets by
 * itself.
 */
const DYNAMIC = 0x3f;
const families = [4, 6] as const;

const { permanent, noArp } = NeighbourState;

/**
 * Static neighbours and forwarding entries of an interface (struct ndmsg: interface, state) that have all bits of
 * `states`: NDA_DST, NDA_LLADDR, NDA_MASTER, NDA_PROTOCOL.
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
 * Our routes (struct rtmsg: prefix length, protocol and type, flags): RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY,
 * RTA_PREFSRC.
 */
const ownRoutes: Selection = {
  header: [{ kept: 0xff00 }, { mask: 0xff00, value: PROTOCOL << 8, kept: 0xff000000 }, { kept: ONLINK }],
  attributes: [1, 4, 5, 6, 7],
};

/**
 * Rules of the guard's chain, after struct nfgenmsg: NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_USERDATA. A reloaded
 * table has the same handles, but its rules lack our userdata.
 */
const guardRules: Selection = { header: [{}], attributes: [2, 3, 7] };
/** NFTA_SET_ELEM_LIST_SET, and the elements in NFTA_SET_ELEM_LIST_ELEMENTS. */
const setElements: Selection = { header: [{}], attributes: [2], list: 3 };

/** Adds the guard's rules and addresses to a sum; false if the listing failed. */
function addGuard(
  sum: BigUint64Array,
  { vni, port, network }: VxlanConfig,
  { local: { family } }: Underlay,
): boolean {
  const set = guardSet({ network, vni, port, family });
  const table = guardTable(network);
  return withNetfilter(
    (connection) =>
      connection.addToSum(listRules(table), guardRules, sum) &&
      connection.addToSum(listElements(table, set), setElements, sum),
  );
}

/** The device's addresses except link-local ones. */
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

/** Adds the overlay's entries to a sum; false if they changed during the listing. */
function addEntries(
  sum: BigUint64Array,
  netlink: NetlinkConnection,
  { l2, l3 }: VxlanConfig,
  { index, master }: Link,
): boolean {
  // The states for a bridge's static entries lack NUD_PERMANENT: permanent ones are the addresses of its ports.
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

/** A sum of the kernel's entries. */
interface State {
  readonly digest: string;
  /** The number of entries. */
  readonly entries: number;
}

/** Undefined if the entries changed during the listing. */
function stateOf(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  device: Link,
): State | undefined {
  const sum = newSum();
  if (!addEntries(sum, netlink, config, device)) return undefined;
  if (config.guard !== undefined && !addGuard(sum, config, underlay)) return undefined;
  const addresses = config.l3 === undefined ? "" : addressText(netlink, device.index);
  const { family } = underlay.local;
  const text = [linkText(device), addressFamily[family], addresses, ...sum].join(" ");
  return { digest: sha512(text).slice(0, 16), entries: Number(sum[0]) };
}

/** The device's alias if the overlay is in order; undefined if that is unknown. */
export function currentAlias(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  digest: string,
): string | undefined {
  const device = findLink(netlink, config.device);
  if (device === undefined) return undefined;
  const state = stateOf(netlink, config, underlay, device);
  return state === undefined ? undefined : verifiedAlias(config, digest, state.digest);
}

/** Index and alias: they change with each change of the overlay. */
export const deviceState = ({ index, alias }: Pick<Link, "index" | "alias">): string => `${index} ${alias}`;

/** The state of the device if the overlay is unchanged since this configuration made it; undefined otherwise. */
export function unchangedState(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  underlay: Underlay,
  digest: string,
): string | undefined {
  const { network } = config;
  const device = findLink(netlink, config.device);
  if (device === undefined || !device.alias.startsWith(`${deviceText(network)}${digest}.`)) return undefined;
  const found = deviceState(device);
  const text = `${found} ${linkText(device)}`;
  if (wasCheckedRecently(network, text)) return found;
  const state = stateOf(netlink, config, underlay, device);
  if (state === undefined || device.alias !== verifiedAlias(config, digest, state.digest)) return undefined;
  recordCheck(network, text, state.entries);
  return found;
}
