/** The container's port on the bridge: the host's end of the pair, its settings, its VLANs. */
import { refusedPort } from "../../shared/attachment/full-bridge.ts";
import type { HostChange } from "../../shared/attachment/host-change.ts";
import { createVeth, type NewVeth, type Veth, waitForLink } from "../../shared/attachment/veth.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { addVlans, removeVlans, setPort } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { wakeLink } from "../../shared/netlink/link-mode.ts";
import { isForwarding, timeToForward } from "../../shared/netlink/spanning-tree.ts";
import type { BridgeConfig } from "./config.ts";
import { DEFAULT_VLAN, portVlans, usesVlans } from "./vlan.ts";

export type NewPort = Omit<NewVeth, "master" | "settings"> & { readonly bridge: Link };

/**
 * Creates the pair, makes its host's end a port and brings that up. The container's end stays down. The port is dormant until openPort: the
 * bridge drops frames from the container before any filter sees them, and sends none there.
 */
export function createPort(context: HostChange, config: BridgeConfig, wanted: NewPort): Veth {
  const { netlink } = context;
  const settings = {
    hairpin: config.hairpin,
    isolated: config.portIsolation,
    up: true,
  };
  const veth = portOf(wanted.bridge, () =>
    createVeth(context, {
      ...wanted,
      master: wanted.bridge.index,
      settings: (name, alias) => setPort(name, { ...settings, alias }),
    }),
  );
  setVlans(netlink, config, veth.host);
  return veth;
}

function portOf(bridge: Link, create: () => Veth): Veth {
  try {
    return create();
  } catch (thrown) {
    throw refusedPort(thrown, bridge.name, ErrorCode.tryAgainLater);
  }
}

function setVlans(netlink: NetlinkConnection, config: BridgeConfig, host: Link): void {
  if (!usesVlans(config.vlan)) return;
  const wanted = portVlans(config.vlan);
  const keepsDefault = config.vlan.preserveDefault || wanted.some((range) => range.first === DEFAULT_VLAN);
  const standard = { first: DEFAULT_VLAN, last: DEFAULT_VLAN, pvid: false, untagged: false };
  netlink.execute(...(keepsDefault ? [] : [removeVlans(host, [standard])]), addVlans(host, wanted));
}

/** Lets the bridge pass the port's frames: at once, or when spanning tree allows it and both ends are up. */
export function openPort(netlink: NetlinkConnection, port: Link): void {
  netlink.execute(wakeLink(port));
}

/** Under the 5 s that waitForLink waits. */
const LONGEST_WAIT_MILLISECONDS = 4_500;

/**
 * Returns when the bridge passes the port's frames. If spanning tree takes longer, by default 30 s, the container starts meanwhile, as
 * with the reference plugin.
 */
export function waitForForwarding(netlink: NetlinkConnection, bridge: Link, { index, name }: Link): void {
  if (timeToForward(bridge) > LONGEST_WAIT_MILLISECONDS) return;
  waitForLink(netlink, index, isForwarding, () => {
    const message = `bridge port in error state: ${name} does not forward`;
    const advice = `bridge link show dev ${name} shows the state; something may have set an end of ${name} down`;
    return new CniError(ErrorCode.internal, message, advice);
  });
}
