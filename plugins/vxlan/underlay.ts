/** The underlay: the network of this node that carries the encapsulated packets. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { type Family, formatIp, type IpAddress, isLinkLocal } from "../../shared/ip/address.ts";
import { listAddresses } from "../../shared/netlink/address.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLink, findLinkByIndex, type Link } from "../../shared/netlink/link.ts";
import { lookUpRoute } from "../../shared/netlink/route-lookup.ts";
import { overheadOf } from "../../shared/netlink/vxlan.ts";
import type { VxlanConfig } from "./config.ts";
import { peerSource } from "./peers/source.ts";

/** The smallest MTUs of IPv4 (RFC 791) and IPv6 (RFC 8200). */
const smallest: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

export interface Underlay {
  /** This node's outer address. */
  readonly local: IpAddress;
  readonly link: Link;
  readonly linkName: string;
  /** Why this interface and address were chosen, for errors. */
  readonly choice: string;
  /** The MTU inside the overlay: of its device and the pods. */
  readonly mtu: number;
}

/** A missing interface or address may come back: code 11, try again later. */
function missing(message: string, advice: string): CniError {
  return new CniError(ErrorCode.tryAgainLater, message, advice);
}

interface Choice {
  readonly link: Link;
  readonly source: IpAddress | undefined;
  readonly reason: string;
}

function namedLink(netlink: NetlinkConnection, name: string): Choice {
  const link = findLink(netlink, name);
  if (link !== undefined) return { link, source: undefined, reason: "underlay.dev names it" };
  throw missing(
    `the underlay interface ${name} is missing on this node`,
    "correct underlay.dev, or restore the interface",
  );
}

function linkToPeer(netlink: NetlinkConnection, config: VxlanConfig): Choice {
  const first = peerSource(config.discovery).firstVtep(config.discovery);
  if (first === undefined) {
    const problem = "is missing, and no peer has a valid address that could select it";
    throw config.fields.invalid("underlay", problem, 'set "underlay": {"dev": "eth0"}, or list the peers');
  }
  const route = lookUpRoute(netlink, first);
  const text = formatIp(first);
  const link = route === undefined ? undefined : findLinkByIndex(netlink, route.index);
  if (route === undefined || link === undefined) {
    const advice = `ip route get ${text} shows the kernel's choice; underlay.dev sets the interface`;
    throw missing(`this node has no route to the peer ${text}, so the underlay cannot be found`, advice);
  }
  if (route.isLocal) {
    const advice = "list the other nodes only";
    throw config.discovery.invalid("peers", `contains this node's own address ${text}`, advice);
  }
  return { link, source: route.source, reason: `the route to the peer ${text} uses it` };
}

function ownAddress(netlink: NetlinkConnection, config: VxlanConfig, choice: Choice): IpAddress {
  const { local } = config.underlay;
  if (local !== undefined) {
    if (lookUpRoute(netlink, local)?.isLocal === true) return local;
    const text = formatIp(local);
    const advice = "correct underlay.local, or restore the node's address";
    throw missing(`the underlay address ${text} is not an address of this node`, advice);
  }
  if (choice.source !== undefined) return choice.source;
  const group = config.l2?.group;
  const family = group?.family ?? peerSource(config.discovery).firstVtep(config.discovery)?.family ?? 4;
  const held = listAddresses(netlink, choice.link.index, [family]);
  const first = held.find(({ cidr }) => !isLinkLocal(cidr.address));
  if (first !== undefined) return first.cidr.address;
  const { name } = choice.link;
  throw missing(
    `the underlay interface ${name} has no IPv${family} address`,
    "give it one, or set underlay.local",
  );
}

function chooseMtu(config: VxlanConfig, link: Link, family: Family): number {
  const room = link.mtu - overheadOf[family];
  const why = `${link.name} has MTU ${link.mtu}, and encapsulation over IPv${family} takes ${overheadOf[family]} bytes`;
  if (config.mtu !== undefined && config.mtu > room) {
    const advice = `${why}: give at most ${room}, or 0 for that value`;
    throw config.fields.invalid("mtu", `is ${config.mtu}, too large for the underlay`, advice);
  }
  const mtu = config.mtu ?? room;
  const needsV6 = config.l3?.networks.some((cidr) => cidr.address.family === 6) ?? false;
  const least = smallest[needsV6 ? 6 : 4];
  if (mtu >= least) return mtu;
  const message = `an MTU of ${mtu} is too small for the pods of this network, which need ${least}`;
  throw new CniError(ErrorCode.invalidConfiguration, message, `${why}: use a larger MTU there`);
}

/** Finds interface, address and MTU. Throws code 7, or 11 for a missing one. */
export function findUnderlay(netlink: NetlinkConnection, config: VxlanConfig): Underlay {
  const { dev } = config.underlay;
  const choice = dev === undefined ? linkToPeer(netlink, config) : namedLink(netlink, dev);
  const { link, reason } = choice;
  const local = ownAddress(netlink, config, choice);
  const group = config.l2?.group;
  if (group !== undefined && group.family !== local.family) {
    const advice = `this node's own address is ${formatIp(local)}: set underlay.local, or another group`;
    throw config.fields.invalid("l2.group", `${formatIp(group)} has another family`, advice);
  }
  const mtu = chooseMtu(config, link, local.family);
  return { local, link, linkName: link.name, choice: `${link.name}: ${reason}`, mtu };
}
