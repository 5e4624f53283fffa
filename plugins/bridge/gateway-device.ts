/** The device with the gateway addresses: the bridge, or with `vlan` an interface of the node in that VLAN. */
import { randomMac } from "../../shared/attachment/mac.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { addVlans, removeVlans } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLink, findLinkByIndex, type Link, setLink } from "../../shared/netlink/link.ts";
import { newVethPair } from "../../shared/netlink/veth.ts";
import { newVlan } from "../../shared/netlink/vlan.ts";
import { Errno } from "../../shared/system/errno.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { setSysctlIfPossible } from "../../shared/system/sysctl.ts";
import { type BridgeConfig, gatewayDeviceName } from "./config.ts";
import { GATEWAY_PORT_ALIAS, type HostContext } from "./device.ts";
import { DEFAULT_VLAN } from "./vlan.ts";

const access = (id: number) => ({ first: id, last: id, pvid: true, untagged: true });

/** Whether the device leads into the bridge: a veth whose other end is a port, or an 802.1Q interface on it. */
function leadsInto(netlink: NetlinkConnection, device: Link, bridge: Link): boolean {
  if (device.kind === "vlan") return device.peer === bridge.index;
  return device.kind === "veth" && findLinkByIndex(netlink, device.peer)?.master === bridge.index;
}

/**
 * The device that has, or will have, the gateway addresses; undefined if it does not exist yet. Throws code 7 if another device has its
 * name.
 */
export function findGatewayDevice(
  netlink: NetlinkConnection,
  config: BridgeConfig,
  bridge: Link | undefined,
): Link | undefined {
  if (config.vlan.id === 0) return bridge;
  const device = findLink(netlink, gatewayDeviceName(config));
  if (device === undefined || (bridge !== undefined && leadsInto(netlink, device, bridge))) return device;
  const problem = `${quote(device.name)} already exists but does not lead into VLAN ${config.vlan.id} of ${config.bridge}`;
  const advice =
    "the gateway of a VLAN is on an interface of that name: remove it, or choose another bridge name";
  throw new CniError(ErrorCode.invalidConfiguration, problem, advice);
}

/**
 * Finds or makes the device, with the name that the reference plugin gives it. Like the bridge, it stays when pods go. It is an 802.1Q
 * interface on the bridge: the node gets its frames unbridged. So they pass the packet filter once, as routed packets, also with
 * br_netfilter.
 */
export function ensureGatewayDevice(context: HostContext, config: BridgeConfig, bridge: Link): Link {
  const { netlink, note } = context;
  const found = findGatewayDevice(netlink, config, bridge);
  if (found !== undefined) return found === bridge ? bridge : complete(netlink, config, bridge, found);
  const name = gatewayDeviceName(config);
  const inVlan = { first: config.vlan.id, last: config.vlan.id, pvid: false, untagged: false };
  note({ kind: "gateway-device", device: name, vlan: config.vlan.id });
  if (makeVlanInterface(netlink, config, bridge)) netlink.execute(addVlans(bridge, [inVlan], true));
  else makePair(netlink, config, bridge, name);
  setSysctlIfPossible(`ipv6/conf/${name}/accept_ra`, "0");
  netlink.execute(setLink({ name }, { up: true }));
  const device = findLink(netlink, name);
  if (device !== undefined) return device;
  const problem = `the gateway interface ${name} vanished right after it was made`;
  throw new CniError(ErrorCode.tryAgainLater, problem, "another program on this node deletes interfaces");
}

/** Completes a device that was found: the ADD that made it may have been killed half-way. */
function complete(netlink: NetlinkConnection, config: BridgeConfig, bridge: Link, device: Link): Link {
  const { id } = config.vlan;
  if (device.kind === "vlan") {
    netlink.execute(addVlans(bridge, [{ first: id, last: id, pvid: false, untagged: false }], true));
  } else {
    const port = findLinkByIndex(netlink, device.peer);
    if (port?.name === portName(device.name) && port.alias === "") setUpPort(netlink, port.name, id);
  }
  if (!device.isUp) netlink.execute(setLink({ index: device.index }, { up: true }));
  return device;
}

const portName = (gateway: string) => `veth${sha512(`gateway\0${gateway}`).slice(0, 11)}`;

/** Makes the 802.1Q interface; false if the kernel has no 802.1Q. In VLAN 1 the bridge's own frames carry no tag. */
function makeVlanInterface(netlink: NetlinkConnection, config: BridgeConfig, bridge: Link): boolean {
  if (config.vlan.id === DEFAULT_VLAN) return false;
  const message = newVlan(gatewayDeviceName(config), bridge.index, config.vlan.id);
  return netlink.attempt(message, Errno.EEXIST, Errno.EOPNOTSUPP)?.errno !== Errno.EOPNOTSUPP;
}

/** Without the module 8021q: a veth pair whose other end is an access port of the bridge. */
function makePair(netlink: NetlinkConnection, config: BridgeConfig, bridge: Link, name: string): void {
  const port = portName(name);
  const ends = {
    host: { name: port, mac: randomMac() },
    container: { name, mac: randomMac() },
    mtu: config.mtu ?? bridge.mtu,
  };
  const refused = netlink.attempt(newVethPair({ ...ends, master: bridge.index }), Errno.EEXIST);
  if (refused === undefined) setUpPort(netlink, port, config.vlan.id);
}

function setUpPort(netlink: NetlinkConnection, name: string, vlan: number): void {
  netlink.execute(setLink({ name }, { alias: GATEWAY_PORT_ALIAS }));
  const port = findLink(netlink, name);
  if (port === undefined) return;
  const standard = { first: DEFAULT_VLAN, last: DEFAULT_VLAN, pvid: false, untagged: false };
  const removal = vlan === DEFAULT_VLAN ? [] : [removeVlans(port, [standard])];
  netlink.execute(...removal, addVlans(port, [access(vlan)]), setLink({ name }, { up: true }));
}
