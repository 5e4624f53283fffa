/** Where the gateway addresses go: the bridge, or with `vlan` an interface of the node in that VLAN. */
import { randomMac } from "../../shared/attachment/mac.ts";
import { addVlans, removeVlans } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, type Link, setLink } from "../../shared/netlink/link.ts";
import { newVethPair } from "../../shared/netlink/veth.ts";
import { Errno } from "../../shared/system/errno.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { setSysctlIfPresent } from "../../shared/system/sysctl.ts";
import { type BridgeConfig, gatewayDeviceName } from "./config.ts";
import { GATEWAY_PORT_ALIAS, type HostContext, hasPorts } from "./device.ts";
import { DEFAULT_VLAN } from "./vlan.ts";

const access = (id: number) => ({ first: id, last: id, pvid: true, untagged: true });

/** The device that has, or will have, the gateway addresses; undefined if it is not there yet. */
export function findGatewayDevice(
  netlink: NetlinkConnection,
  config: BridgeConfig,
  bridge: Link,
): Link | undefined {
  return config.vlan.id === 0 ? bridge : findLink(netlink, gatewayDeviceName(config));
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
