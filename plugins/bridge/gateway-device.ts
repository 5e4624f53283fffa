/** Where the gateway addresses go: the bridge, or with `vlan` an interface of the node in that VLAN. */
import { randomMac } from "../../shared/attachment/mac.ts";
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { addVlans, removeVlans } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, findLinkByIndex, type Link, setLink } from "../../shared/netlink/link.ts";
import { newVethPair } from "../../shared/netlink/veth.ts";
import { Errno } from "../../shared/system/errno.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { setSysctlIfPresent } from "../../shared/system/sysctl.ts";
import { type BridgeConfig, gatewayDeviceName } from "./config.ts";
import { GATEWAY_PORT_ALIAS, type HostContext, hasPorts } from "./device.ts";
import { DEFAULT_VLAN } from "./vlan.ts";

const access = (id: number) => ({ first: id, last: id, pvid: true, untagged: true });

/** Whether the device leads into the bridge: a veth whose other end is a port, or an 802.1Q interface on it. */
function leadsInto(netlink: NetlinkConnection, device: Link, bridge: Link): boolean {
  if (device.kind === "vlan") return device.peer === bridge.index;
  return device.kind === "veth" && findLinkByIndex(netlink, device.peer)?.master === bridge.index;
}

/**
 * The device that has, or will have, the gateway addresses; undefined if it is not there yet. Throws code 7 if
 * its name is taken by something else.
 */
export function findGatewayDevice(
  netlink: NetlinkConnection,
  config: BridgeConfig,
  bridge: Link | undefined,
): Link | undefined {
  if (config.vlan.id === 0) return bridge;
  const device = findLink(netlink, gatewayDeviceName(config));
  if (device === undefined || (bridge !== undefined && leadsInto(netlink, device, bridge))) return device;
  const problem = `${quote(device.name)} already exists but is no way into VLAN ${config.vlan.id} of ${config.bridge}`;
  const advice =
    "the gateway of a VLAN is on an interface of that name: remove it, or choose another bridge name";
  throw new CniError(ErrorCode.invalidConfiguration, problem, advice);
}

/**
 * Finds or makes the device. For a VLAN it is a veth pair whose other end is an access port of the bridge, under
 * the name the reference plugin uses; it needs no 802.1Q module. Like the bridge, it stays when pods go.
 */
export function ensureGatewayDevice(context: HostContext, config: BridgeConfig, bridge: Link): Link {
  const { netlink, undo, lock } = context;
  const found = findGatewayDevice(netlink, config, bridge);
  if (found !== undefined) return found;
  const name = gatewayDeviceName(config);
  const port = `veth${sha512(`gateway\0${name}`).slice(0, 11)}`;
  const ends = {
    host: { name: port, mac: randomMac() },
    container: { name, mac: randomMac() },
    mtu: config.mtu ?? bridge.mtu,
  };
  undo.onFailure(() => {
    lock.makeExclusive();
    if (!hasPorts(netlink, bridge)) netlink.attempt(deleteLink({ name: port }), Errno.ENODEV);
  });
  const created = netlink.attempt(newVethPair({ ...ends, master: bridge.index }), Errno.EEXIST);
  if (created === undefined) setUpPort(netlink, port, config.vlan.id);
  setSysctlIfPresent(`ipv6/conf/${name}/accept_ra`, "0");
  netlink.execute(setLink({ name: port }, { up: true }), setLink({ name }, { up: true }));
  const device = findLink(netlink, name);
  if (device === undefined) throw new Error(`the gateway interface ${name} vanished right after it was made`);
  return device;
}

function setUpPort(netlink: NetlinkConnection, name: string, vlan: number): void {
  netlink.execute(setLink({ name }, { alias: GATEWAY_PORT_ALIAS }));
  const port = findLink(netlink, name);
  if (port === undefined) return;
  const standard = { first: DEFAULT_VLAN, last: DEFAULT_VLAN, pvid: false, untagged: false };
  netlink.execute(
    ...(vlan === DEFAULT_VLAN ? [] : [removeVlans(port, [standard])]),
    addVlans(port, [access(vlan)]),
  );
}
