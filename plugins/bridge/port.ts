/** The container's port on the bridge: a veth pair, its settings, its VLANs. */
import { hostMac } from "../../shared/attachment/mac.ts";
import { hostInterfaceName, ownerText } from "../../shared/cni/attachment.ts";
import type { Container } from "../../shared/cni/container.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import type { AttachmentKey } from "../../shared/cni/plugin.ts";
import { addVlans, isForwarding, removeVlans, setPort } from "../../shared/netlink/bridge.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import {
  deleteLink,
  findLink,
  findLinkByIndex,
  formatMac,
  type Link,
  readLink,
  setLink,
} from "../../shared/netlink/link.ts";
import type { NetlinkMessage } from "../../shared/netlink/message.ts";
import { newVethPair } from "../../shared/netlink/veth.ts";
import { Errno } from "../../shared/system/errno.ts";
import { setSysctlIfPresent } from "../../shared/system/sysctl.ts";
import type { BridgeConfig } from "./config.ts";
import type { HostContext } from "./device.ts";
import { DEFAULT_VLAN, portVlans, usesVlans } from "./vlan.ts";

/** RTNLGRP_LINK. */
const LINK_EVENTS = 1;
const FORWARDING_LIMIT_MILLISECONDS = 5_000;

export interface Port {
  readonly host: Link;
  readonly container: Pick<Link, "name" | "index" | "mac" | "mtu">;
}

export interface NewPort {
  readonly owner: AttachmentKey;
  readonly bridge: Link;
  readonly container: Container;
  readonly mac: Uint8Array;
  readonly mtu: number;
}

/** Throws if CNI_IFNAME is taken (specification, ADD: "MUST return an error"). */
export function refuseTakenName({ netlink, namespace }: Container, ifname: string): void {
  const taken = findLink(netlink, ifname);
  if (taken === undefined) return;
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `the interface ${quote(ifname)} already exists in ${namespace.path}`,
    "the container is attached already, or an earlier attachment was not deleted: run DEL for it first",
  );
}

/**
 * A host's end that is left of this very attachment: ADD died, or the container's namespace was exchanged
 * without DEL. CNI_IFNAME is free, so its other end serves nobody.
 */
function removeLeftover({ netlink }: HostContext, name: string): void {
  netlink.attempt(deleteLink({ name }), Errno.ENODEV);
}

/** Creates the pair, makes its host's end a port and brings that up. The container's end stays down. */
export function createPort(context: HostContext, config: BridgeConfig, wanted: NewPort): Port {
  const { netlink, undo } = context;
  const { owner, bridge, container } = wanted;
  const name = hostInterfaceName(owner);
  undo.onFailure(() => netlink.attempt(deleteLink({ name }), Errno.ENODEV));
  const pair = newVethPair({
    host: { name, mac: hostMac(owner) },
    container: { name: owner.ifname, mac: wanted.mac },
    namespace: container.namespace.descriptor,
    mtu: wanted.mtu,
    master: bridge.index,
  });
  const settings = {
    alias: ownerText(owner),
    hairpin: config.hairpin,
    isolated: config.portIsolation,
    up: false,
  };
  const host = createPair(context, name, [pair, setPort(name, settings)]);
  // Before it is up: a container must not configure its host (CVE-2020-10749).
  setSysctlIfPresent(`ipv6/conf/${name}/accept_ra`, "0");
  setVlans(netlink, config, host);
  netlink.execute(setLink({ index: host.index }, { up: true }));
  const inside = { name: owner.ifname, index: host.peer, mac: formatMac(wanted.mac), mtu: wanted.mtu };
  return { host, container: inside };
}

/** Creates the pair; what is left of this very attachment under its name goes first. Returns the host's end. */
function createPair(context: HostContext, name: string, messages: readonly NetlinkMessage[]): Link {
  const { netlink } = context;
  let bodies: readonly Uint8Array[];
  try {
    bodies = netlink.execute(...messages);
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError) || thrown.errno !== Errno.EEXIST) throw thrown;
    removeLeftover(context, name);
    bodies = netlink.execute(...messages);
  }
  const [echo] = bodies;
  const host = echo === undefined ? findLink(netlink, name) : readLink(echo);
  if (host !== undefined) return host;
  const message = `the veth pair ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, message, "something else on this node deletes interfaces");
}

function setVlans(netlink: NetlinkConnection, config: BridgeConfig, host: Link): void {
  if (!usesVlans(config.vlan)) return;
  const wanted = portVlans(config.vlan);
  const keepsDefault = config.vlan.preserveDefault || wanted.some((range) => range.first === DEFAULT_VLAN);
  const standard = { first: DEFAULT_VLAN, last: DEFAULT_VLAN, pvid: false, untagged: false };
  netlink.execute(...(keepsDefault ? [] : [removeVlans(host, [standard])]), addVlans(host, wanted));
}

/**
 * Returns when the bridge passes the port's frames. The kernel gets there by itself within a millisecond, in a
 * work queue: the events say when.
 */
export function waitForForwarding(netlink: NetlinkConnection, port: Link): void {
  if (isPassing(netlink, port)) return;
  const events = new NetlinkConnection(Protocol.route);
  try {
    events.subscribe(LINK_EVENTS);
    const deadline = Date.now() + FORWARDING_LIMIT_MILLISECONDS;
    while (!isPassing(netlink, port)) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const message = `bridge port in error state: ${port.name} does not forward`;
        const advice = `bridge link show dev ${port.name} tells the state; spanning tree on the bridge would explain it`;
        throw new CniError(ErrorCode.internal, message, advice);
      }
      events.waitForEvents(left);
    }
  } finally {
    events.close();
  }
}

function isPassing(netlink: NetlinkConnection, port: Link): boolean {
  const now = findLinkByIndex(netlink, port.index);
  return now !== undefined && isForwarding(now);
}

/**
 * Tells the neighbours who has the addresses now. Writing the MAC address, the same one, makes the kernel send
 * gratuitous ARP and unsolicited neighbour advertisements (arp_notify, ndisc_notify); when the interface came
 * up the port did not forward yet.
 */
export function announce(container: Container, index: number, mac: Uint8Array): void {
  container.netlink.execute(setLink({ index }, { mac }));
}
