/** The bridge itself: found or created, and given its gateway addresses. Shared by every attachment on it. */
import { randomMac } from "../../shared/attachment/mac.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { type Cidr, formatCidr, isSameCidr, overlaps } from "../../shared/ip/cidr.ts";
import { addAddress, deleteAddress, listAddresses } from "../../shared/netlink/address.ts";
import { enableVlanFiltering, isVlanFiltering, newBridge } from "../../shared/netlink/bridge.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import {
  deleteLink,
  findLink,
  formatMac,
  type Link,
  LinkFlag,
  listLinks,
  parseMac,
  setLink,
} from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/libc.ts";
import type { NamespaceLock } from "../../shared/system/lock.ts";
import { ensureSysctlIfPresent } from "../../shared/system/sysctl.ts";
import type { BridgeConfig } from "./config.ts";
import { usesVlans } from "./vlan.ts";

/** The alias of a bridge that we made: its MAC address is fixed. */
const ALIAS = "podwire bridge";
/** The alias of the bridge port behind a VLAN's gateway interface. */
export const GATEWAY_PORT_ALIAS = "podwire VLAN gateway";
const NO_MAC = "00:00:00:00:00:00";

/** What a step that changes a shared object needs. */
export interface HostContext {
  readonly netlink: NetlinkConnection;
  readonly undo: Rollback;
  readonly lock: NamespaceLock;
}

/** The link of that name, if it is a bridge; undefined if there is none. Throws if the name is another device's. */
export function findBridge(netlink: NetlinkConnection, name: string): Link | undefined {
  const link = findLink(netlink, name);
  if (link === undefined || link.kind === "bridge") return link;
  const kind = link.kind === "" ? "physical interface" : `${link.kind} interface`;
  const message = `${JSON.stringify(name)} already exists but is not a bridge: it is a ${kind}`;
  throw new CniError(ErrorCode.invalidConfiguration, message, 'choose another name with "bridge"');
}

/** Whether anything is attached to the bridge, ends of its own VLAN gateways apart. */
export function hasPorts(netlink: NetlinkConnection, bridge: Link): boolean {
  return listLinks(netlink).some((link) => link.master === bridge.index && link.alias !== GATEWAY_PORT_ALIAS);
}

/** Takes back a creation, unless another attachment uses the bridge by now: the MAC address proves it is ours. */
function removeCreated({ netlink, lock }: HostContext, name: string, mac: string): void {
  lock.makeExclusive();
  const bridge = findLink(netlink, name);
  if (bridge?.kind !== "bridge" || bridge.mac !== mac || hasPorts(netlink, bridge)) return;
  netlink.attempt(deleteLink({ index: bridge.index }), Errno.ENODEV);
}

function createBridge(context: HostContext, config: BridgeConfig): Link {
  const { netlink, undo } = context;
  const mac = randomMac();
  const name = config.bridge;
  undo.onFailure(() => removeCreated(context, name, formatMac(mac)));
  const vlanFiltering = usesVlans(config.vlan);
  const message = newBridge({
    name,
    mac,
    vlanFiltering,
    ...(config.mtu === undefined ? {} : { mtu: config.mtu }),
  });
  const refused = netlink.attempt(message, Errno.EEXIST, Errno.EOPNOTSUPP, Errno.EINVAL);
  if (refused !== undefined && refused.errno !== Errno.EEXIST) {
    throw vlanFiltering ? noVlanFiltering(refused) : refused;
  }
  const bridge = findBridge(netlink, name);
  // Between the creation and now somebody else may have removed it.
  if (bridge === undefined)
    throw new CniError(ErrorCode.tryAgainLater, `the bridge ${name} vanished`, "try again");
  return bridge;
}

function noVlanFiltering(cause: unknown): CniError {
  return new CniError(
    ErrorCode.invalidConfiguration,
    `"vlan" and "vlanTrunk" need bridge VLAN filtering, which this kernel does not have`,
    "use a kernel with CONFIG_BRIDGE_VLAN_FILTERING, or take vlan and vlanTrunk out of the configuration",
    cause,
  );
}

/** Brings an existing bridge to what the configuration asks of it. */
function adoptBridge(context: HostContext, config: BridgeConfig, bridge: Link): Link {
  const { netlink } = context;
  if (usesVlans(config.vlan) && !isVlanFiltering(bridge)) {
    const refused = netlink.attempt(enableVlanFiltering(bridge), Errno.EOPNOTSUPP, Errno.EINVAL);
    if (refused !== undefined) throw noVlanFiltering(refused);
  }
  const isNew = bridge.alias !== ALIAS;
  // Writing the address, be it the same, keeps it from following the ports. A bridge that has lost its last
  // port has none, and gets one.
  const mac = bridge.mac === NO_MAC ? randomMac() : parseMac(bridge.mac);
  const wantsPromiscuous = config.promiscuous && (bridge.flags & LinkFlag.promiscuous) === 0;
  if (isNew) ensureSysctlIfPresent(`ipv6/conf/${bridge.name}/accept_ra`, "0");
  if (isNew || !bridge.isUp || wantsPromiscuous) {
    netlink.execute(
      setLink(
        { index: bridge.index },
        {
          up: true,
          ...(isNew && mac !== undefined ? { mac, alias: ALIAS } : {}),
          ...(wantsPromiscuous ? { promiscuous: true } : {}),
        },
      ),
    );
  }
  return isNew && mac !== undefined ? { ...bridge, mac: formatMac(mac) } : bridge;
}

/** Finds or creates the bridge, and makes it what the configuration says. */
export function ensureBridge(context: HostContext, config: BridgeConfig): Link {
  const found = findBridge(context.netlink, config.bridge);
  return adoptBridge(context, config, found ?? createBridge(context, config));
}

/** The addresses on a device that stand in the way of a gateway address. */
function conflictsOf(netlink: NetlinkConnection, device: Link, gateway: Cidr): Cidr[] {
  const isV4 = gateway.address.family === 4;
  return (
    listAddresses(netlink, device.index)
      .map((address) => address.cidr)
      .filter((held) => held.address.family === gateway.address.family && !isSameCidr(held, gateway))
      // An IPv6 interface has several addresses by nature, its link-local one among them.
      .filter((held) => isV4 || overlaps(held, gateway))
  );
}

/** Throws if the device has another address where a gateway address has to go, unless forceAddress is set. */
export function checkGateways(
  netlink: NetlinkConnection,
  device: Link,
  gateways: readonly Cidr[],
  force: boolean,
): void {
  if (force) return;
  for (const gateway of gateways) {
    const inTheWay = conflictsOf(netlink, device, gateway).filter(
      (held) => !gateways.some((other) => isSameCidr(other, held)),
    );
    if (inTheWay.length === 0) continue;
    const held = inTheWay.map(formatCidr).join(", ");
    throw new CniError(
      ErrorCode.invalidConfiguration,
      `${JSON.stringify(device.name)} already has an IP address different from ${formatCidr(gateway)}: ${held}`,
      "another network uses this bridge, or the range was changed: give this network a bridge of its own, or set forceAddress to replace the address",
    );
  }
}

/** Gives the device (the bridge, or a VLAN's gateway on it) its addresses. With `force` those in the way go. */
export function ensureGateways(
  context: HostContext,
  bridge: Link,
  device: Link,
  gateways: readonly Cidr[],
  force: boolean,
): void {
  const { netlink, undo, lock } = context;
  const held = listAddresses(netlink, device.index).map((address) => address.cidr);
  for (const gateway of gateways) {
    if (held.some((cidr) => isSameCidr(cidr, gateway))) continue;
    const inTheWay = force
      ? conflictsOf(netlink, device, gateway).filter(
          (cidr) => !gateways.some((other) => isSameCidr(other, cidr)),
        )
      : [];
    undo.onFailure(() => {
      lock.makeExclusive();
      if (hasPorts(netlink, bridge)) return;
      netlink.transact([
        deleteAddress(device.index, gateway),
        ...inTheWay.map((cidr) => addAddress(device.index, cidr, { detectDuplicates: false })),
      ]);
    });
    for (const cidr of inTheWay) netlink.attempt(deleteAddress(device.index, cidr), Errno.EADDRNOTAVAIL);
    const added = addAddress(device.index, gateway, { detectDuplicates: false });
    // Another attachment's ADD may have been faster.
    const refused = netlink.attempt(added, Errno.EEXIST, Errno.EADDRINUSE);
    if (refused?.errno === Errno.EADDRINUSE) {
      const message = `the gateway address ${formatIp(gateway.address)} is in use by another interface of this node`;
      throw new CniError(
        ErrorCode.invalidConfiguration,
        message,
        `ip address show to ${formatIp(gateway.address)}`,
      );
    }
  }
}
