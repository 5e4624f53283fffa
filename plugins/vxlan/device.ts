/** Makes, changes and restores the VXLAN device. */
import { BRIDGE_ALIAS, OVERLAY_BRIDGE_ALIAS } from "../../shared/attachment/bridge-alias.ts";
import { switchOnIpv6 } from "../../shared/attachment/ipv6-switch.ts";
import { randomMac } from "../../shared/attachment/mac.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { joinBridge, newBridge } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import {
  deleteLink,
  findLink,
  findLinkByIndex,
  formatMac,
  type Link,
  type LinkChange,
  listLinks,
  parseMac,
  setLink,
} from "../../shared/netlink/link.ts";
import { changeVxlan, type NewVxlan, newVxlan, readVxlan } from "../../shared/netlink/vxlan.ts";
import { Errno } from "../../shared/system/errno.ts";
import { setSysctlIfPossible } from "../../shared/system/sysctl.ts";
import type { VxlanConfig } from "./config.ts";
import { type Change, isInUseNow } from "./context.ts";
import { pendingAlias } from "./device-alias.ts";
import { type DevicePlan, differencesOf } from "./device-plan.ts";

/** Finds the bridge of the mode l2. Throws code 7 for another kind of interface, or a bridge with another overlay. */
export function findOverlayBridge(links: readonly Link[], config: VxlanConfig): Link | undefined {
  const bridge = links.find(({ name }) => name === config.bridge);
  if (bridge === undefined) return undefined;
  if (bridge.kind !== "bridge") {
    const kind = bridge.kind === "" ? "physical interface" : `${bridge.kind} interface`;
    const message = `${quote(config.bridge)} already exists but is not a bridge: it is a ${kind}`;
    throw new CniError(ErrorCode.invalidConfiguration, message, 'choose another name with "bridge"');
  }
  const isOther = (link: Link) =>
    link.kind === "vxlan" && link.master === bridge.index && link.name !== config.device;
  const other = links.find(isOther);
  if (other === undefined) return bridge;
  const message = `the bridge ${bridge.name} already has the VXLAN device ${other.name}: the two networks would be joined`;
  throw new CniError(ErrorCode.invalidConfiguration, message, "give each network a bridge of its own");
}

/** A bridge that was made for local pods gets the alias of an overlay's bridge: other nodes are behind it now. */
function markAsOverlayBridge({ netlink, undo }: Change, { index, alias }: Link): void {
  undo.onFailure(() => netlink.attempt(setLink({ index }, { alias }), Errno.ENODEV));
  netlink.execute(setLink({ index }, { alias: OVERLAY_BRIDGE_ALIAS }));
}

/** Makes the bridge if it is missing. */
export function ensureOverlayBridge(change: Change, name: string, found: Link | undefined): Link {
  const { netlink, undo } = change;
  if (found?.alias === BRIDGE_ALIAS) markAsOverlayBridge(change, found);
  if (found?.isUp) return found;
  if (found === undefined) {
    undo.onFailure(() => {
      const bridge = findLink(netlink, name);
      if (bridge?.alias !== OVERLAY_BRIDGE_ALIAS) return;
      if (listLinks(netlink).some(({ master, kind }) => master === bridge.index && kind !== "vxlan")) return;
      netlink.attempt(deleteLink({ index: bridge.index }), Errno.ENODEV);
    });
    netlink.execute(
      newBridge({ name, mac: randomMac(), vlanFiltering: false }),
      setLink({ name }, { alias: OVERLAY_BRIDGE_ALIAS }),
    );
    setSysctlIfPossible(`ipv6/conf/${name}/accept_ra`, "0");
  } else {
    undo.onFailure(() => netlink.attempt(setLink({ name }, { up: false }), Errno.ENODEV));
  }
  netlink.execute(setLink({ name }, { up: true }));
  return findLink(netlink, name) ?? vanished(name);
}

function vanished(name: string): never {
  const message = `the interface ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, message, "another program on this node deletes interfaces");
}

/** Adds the likely cause to the kernel's error for a new device. */
function refusal(thrown: unknown, { name, port, local }: NewVxlan): unknown {
  if (!(thrown instanceof NetlinkError)) return thrown;
  const { errno, message } = thrown;
  if (errno === Errno.EOPNOTSUPP) {
    const advice = "load the module vxlan, or use a kernel with CONFIG_VXLAN";
    return new CniError(ErrorCode.notAvailable, `this kernel has no VXLAN: ${message}`, advice, thrown);
  }
  if (errno === Errno.EADDRINUSE) {
    const advice = `ss -uanp sport = :${port} shows which; give the network another "port", the same on all of its nodes`;
    const problem = `the UDP port ${port}, which ${name} needs, is taken by another VXLAN device or program`;
    return new CniError(ErrorCode.invalidConfiguration, problem, advice, thrown);
  }
  if (errno === Errno.EAFNOSUPPORT && local.family === 6) {
    return new CniError(
      ErrorCode.notAvailable,
      `this kernel has no IPv6 for the underlay: ${message}`,
      "boot it without ipv6.disable=1, or use an underlay of IPv4",
      thrown,
    );
  }
  return thrown;
}

function createDevice(
  { netlink, undo }: Change,
  { network }: VxlanConfig,
  wanted: NewVxlan,
  alias: string,
): void {
  const { name } = wanted;
  undo.onFailure(() => {
    if (!isInUseNow(netlink, network)) netlink.attempt(deleteLink({ name }), Errno.ENODEV);
  });
  netlink.execute(newVxlan(wanted), setLink({ name }, { alias }));
  // No router on the overlay configures this node, and the device answers for none of the node's other addresses.
  setSysctlIfPossible(`ipv6/conf/${name}/accept_ra`, "0");
  setSysctlIfPossible(`ipv6/conf/${name}/addr_gen_mode`, "1");
}

/** The attributes to change. The MAC address only if it differs: writing it flushes the neighbours. */
function linkChange(now: { mac: string; mtu: number }, wanted: { mac: string; mtu: number }): LinkChange {
  const mac = now.mac === wanted.mac ? undefined : parseMac(wanted.mac);
  return { ...(now.mtu === wanted.mtu ? {} : { mtu: wanted.mtu }), ...(mac === undefined ? {} : { mac }) };
}

function changeLink(netlink: NetlinkConnection, index: number, change: LinkChange): void {
  if (Object.keys(change).length > 0) netlink.execute(setLink({ index }, change));
}

/** Restores a device's former values, as far as they can change without recreating it. */
function restoreDevice(netlink: NetlinkConnection, before: Link): void {
  const { index, name, master, isUp } = before;
  const held = readVxlan(before);
  const now = findLinkByIndex(netlink, index);
  if (now === undefined) return;
  if (held.local !== undefined)
    netlink.transact([changeVxlan({ index, name }, { ...held, local: held.local })]);
  changeLink(netlink, index, {
    ...linkChange(now, before),
    ...(now.master === master ? {} : { master }),
    ...(now.isUp === isUp ? {} : { up: isUp }),
    ...(now.alias === before.alias ? {} : { alias: before.alias }),
  });
}

function changeDevice({ netlink, undo }: Change, present: Link, wanted: NewVxlan, alias: string): void {
  undo.onFailure(() => restoreDevice(netlink, present));
  const { index, name } = present;
  netlink.execute(changeVxlan({ index, name }, wanted), setLink({ index }, { alias }));
  changeLink(netlink, index, linkChange(present, { mac: formatMac(wanted.mac), mtu: wanted.mtu }));
}

function removeDevice({ netlink, undo }: Change, link: Link): void {
  const held = readVxlan(link);
  const mac = parseMac(link.mac);
  undo.onFailure(() => {
    if (held.local === undefined || mac === undefined) return;
    const { name, mtu, alias, isUp, master } = link;
    const again = newVxlan({ ...held, local: held.local, name, mac, mtu });
    netlink.transact([again, setLink({ name }, { alias, up: isUp, master })]);
  });
  netlink.attempt(deleteLink({ index: link.index }), Errno.ENODEV);
}

/** Makes or changes the device as planned. A new one is down. */
export function ensureDevice(change: Change, config: VxlanConfig, plan: DevicePlan): void {
  const { wanted, present, isRecreated, stale } = plan;
  try {
    for (const link of stale) removeDevice(change, link);
    if (isRecreated && present !== undefined) removeDevice(change, present);
    const former = present === undefined ? stale : [present, ...stale];
    const alias = pendingAlias(config, former);
    if (present === undefined || isRecreated) createDevice(change, config, wanted, alias);
    else changeDevice(change, present, wanted, alias);
  } catch (thrown) {
    throw refusal(thrown, wanted);
  }
}

/** Puts the device on its bridge, or takes it off, brings it up, and reads the result. */
export function bringUpDevice(
  { netlink }: Change,
  config: VxlanConfig,
  { wanted }: DevicePlan,
  bridge: Link | undefined,
): Link {
  const { name } = wanted;
  const before = findLink(netlink, name) ?? vanished(name);
  if (config.l3?.networks.some(({ address }) => address.family === 6)) switchOnIpv6(name);
  try {
    if (bridge !== undefined) netlink.execute(...joinBridge(before, bridge, config.l2?.suppress ?? false));
    else if (before.master !== 0) netlink.execute(setLink({ index: before.index }, { master: 0 }));
    if (!before.isUp) netlink.execute(setLink({ index: before.index }, { up: true }));
  } catch (thrown) {
    throw refusal(thrown, wanted);
  }
  const link = findLink(netlink, name) ?? vanished(name);
  const [wrong] = differencesOf(link, wanted, config.l2, bridge?.index ?? 0);
  if (wrong === undefined) return link;
  throw new CniError(
    ErrorCode.internal,
    `the ${wrong.what} of ${name} is ${wrong.held} after it was set to ${wrong.wanted}`,
    wrong.what === "MAC address"
      ? "a network manager changes it: for systemd-udevd, write a .link file with MACAddressPolicy=none for this interface"
      : "the kernel ignores the change, or another program on this node reverts it",
  );
}
