/** The bridge itself: found or created. Shared by every attachment on it. */
import { BRIDGE_ALIAS, FOUND_BRIDGE_ALIAS, isMadeBridge } from "../../shared/attachment/bridge-alias.ts";
import type { HostChange } from "../../shared/attachment/host-change.ts";
import { randomMac } from "../../shared/attachment/mac.ts";

import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { isVlanFiltering, newBridge, setVlanFiltering } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLink, formatMac, type Link, LinkFlag, parseMac, setLink } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";
import { readSysctl, setSysctlIfPossible } from "../../shared/system/sysctl.ts";
import type { BridgeConfig } from "./config.ts";
import type { Note } from "./journal.ts";
import { usesVlans } from "./vlan.ts";

/** The alias of the bridge port behind a VLAN's gateway interface. */
export const GATEWAY_PORT_ALIAS = "podwire VLAN gateway";
const NO_MAC = "00:00:00:00:00:00";

/** What a step that changes the bridge needs. It runs under the bridge's lock. */
export interface HostContext extends HostChange {
  readonly note: Note;
}

/** The bridge of that name; undefined if the name is free. Throws code 7 if another device has it. */
export function findBridge(netlink: NetlinkConnection, name: string): Link | undefined {
  const link = findLink(netlink, name);
  if (link === undefined || link.kind === "bridge") return link;
  const kind = link.kind === "" ? "physical interface" : `${link.kind} interface`;
  const message = `${quote(name)} already exists but is not a bridge: it is a ${kind}`;
  throw new CniError(ErrorCode.invalidConfiguration, message, 'choose another name with "bridge"');
}

function createBridge(context: HostContext, config: BridgeConfig): Link {
  const { netlink, note } = context;
  const mac = randomMac();
  const name = config.bridge;
  note({ kind: "bridge", made: formatMac(mac) });
  const vlanFiltering = usesVlans(config.vlan);
  const message = newBridge({
    name,
    mac,
    vlanFiltering,
    ...(config.mtu === undefined ? {} : { mtu: config.mtu }),
  });
  const refused = netlink.attempt(message, Errno.EEXIST, Errno.EOPNOTSUPP, Errno.EINVAL);
  if (refused !== undefined && refused.errno !== Errno.EEXIST) {
    throw vlanFiltering ? noVlanFiltering(ErrorCode.invalidConfiguration, refused) : refused;
  }
  // At once: a bridge without an alias is an operator's.
  if (refused === undefined) netlink.execute(setLink({ name }, { alias: BRIDGE_ALIAS }));
  const bridge = findBridge(netlink, name);
  // Another process may have removed it meanwhile.
  if (bridge === undefined)
    throw new CniError(ErrorCode.tryAgainLater, `the bridge ${name} vanished`, "try again");
  return bridge;
}

export function noVlanFiltering(code: number, cause?: unknown): CniError {
  return new CniError(
    code,
    `"vlan" and "vlanTrunk" need bridge VLAN filtering, which this kernel does not have`,
    "use a kernel with CONFIG_BRIDGE_VLAN_FILTERING, or take vlan and vlanTrunk out of the configuration",
    cause,
  );
}

function switchOnVlans({ netlink, note }: HostContext, bridge: Link): void {
  if (isVlanFiltering(bridge)) return;
  note({ kind: "vlan-filtering" });
  const refused = netlink.attempt(setVlanFiltering(bridge, true), Errno.EOPNOTSUPP, Errno.EINVAL);
  if (refused !== undefined) throw noVlanFiltering(ErrorCode.invalidConfiguration, refused);
}

/** Sets the bridge, found or just created, to what the configuration says. */
function adoptBridge(context: HostContext, config: BridgeConfig, bridge: Link): Link {
  const { netlink, note } = context;
  if (usesVlans(config.vlan)) switchOnVlans(context, bridge);
  const isPromiscuous = (bridge.flags & LinkFlag.promiscuous) !== 0;
  const wantsPromiscuous = config.promiscuous && !isPromiscuous;
  const isKnown = isMadeBridge(bridge.alias) || bridge.alias === FOUND_BRIDGE_ALIAS;
  if (isKnown && bridge.isUp && !wantsPromiscuous) return bridge;
  // Once written, the MAC address no longer follows that of the ports. A bridge that has lost its last port has none, and gets one.
  const mac = bridge.mac === NO_MAC ? randomMac() : (parseMac(bridge.mac) ?? randomMac());
  const acceptRa = `ipv6/conf/${bridge.name}/accept_ra`;
  const before = readSysctl(acceptRa);
  const { alias, isUp } = bridge;
  note({
    kind: "settings",
    before: { alias, isUp, isPromiscuous, ...(before === undefined ? {} : { acceptRa: before }) },
  });
  if (before !== "0") setSysctlIfPossible(acceptRa, "0");
  const marked = bridge.alias === "" ? { alias: FOUND_BRIDGE_ALIAS } : {};
  const promiscuous = wantsPromiscuous ? { promiscuous: true } : {};
  netlink.execute(setLink({ index: bridge.index }, { up: true, mac, ...marked, ...promiscuous }));
  return { ...bridge, ...marked, mac: formatMac(mac), isUp: true };
}

/** Creates the bridge unless it was found, and makes it what the configuration says. */
export function ensureBridge(context: HostContext, config: BridgeConfig, found: Link | undefined): Link {
  return adoptBridge(context, config, found ?? createBridge(context, config));
}
