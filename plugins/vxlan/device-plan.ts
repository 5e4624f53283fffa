/** Plans the VXLAN device: compares the wanted one with the existing one. Pure. */
import { CniError, ErrorCode, quote } from "../../shared/cni/error.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { suppressesNeighbours } from "../../shared/netlink/bridge.ts";
import { formatMac, type Link, parseMac } from "../../shared/netlink/link.ts";
import { DontFragment, type NewVxlan, readVxlan } from "../../shared/netlink/vxlan.ts";
import type { VxlanConfig } from "./config.ts";
import { validateNetworkCount, validateNetworks, validateOtherDevices } from "./conflicts.ts";
import { isInUse, isOfNetwork } from "./context.ts";
import { isOwnDevice, modeOf } from "./device-alias.ts";
import type { Underlay } from "./underlay.ts";
import { vtepMac } from "./vtep-mac.ts";

const DEFAULT_AGEING = 300;

export function wantedDevice(config: VxlanConfig, { local, link, mtu }: Underlay): NewVxlan {
  const { device, vni, port, ttl, df, learning, sourcePorts, checksum, l2 } = config;
  return {
    name: device,
    mac: parseMac(config.mac ?? vtepMac(local)) as Uint8Array,
    mtu,
    vni,
    port,
    local,
    group: l2?.group,
    // Multicast needs a bound interface. Otherwise unbound: the kernel removes a bound device with its interface.
    link: l2?.group === undefined ? 0 : link.index,
    ttl,
    df: local.family === 4 ? df : DontFragment.unset,
    learning,
    ageing: l2?.ageing ?? DEFAULT_AGEING,
    sourcePorts,
    checksum,
  };
}

export interface Difference {
  readonly what: string;
  readonly held: string;
  readonly wanted: string;
  /** True if the difference can be changed without recreating the device. */
  readonly isLive: boolean;
}

const text = (address: IpAddress | undefined) => (address === undefined ? "none" : formatIp(address));

/** The differences of the device. `master`: its bridge, undefined for no bridge. */
export function differencesOf(
  link: Link,
  wanted: NewVxlan,
  l2: VxlanConfig["l2"],
  master: number,
): Difference[] {
  const held = readVxlan(link);
  const family = (address: IpAddress | undefined) =>
    address === undefined ? "none" : `IPv${address.family}`;
  const all: [string, unknown, unknown, boolean][] = [
    ["VNI", held.vni, wanted.vni, false],
    ["UDP port", held.port, wanted.port, false],
    ["underlay family", family(held.local), family(wanted.local), false],
    ["source port range", held.sourcePorts.join("-"), wanted.sourcePorts.join("-"), false],
    ["UDP checksum", held.checksum, wanted.checksum, false],
    ["group", text(held.group), text(wanted.group), false],
    ["underlay interface index", held.link, wanted.link, false],
    ["local address", text(held.local), text(wanted.local), true],
    ["TTL", held.ttl, wanted.ttl, true],
    ["DF setting", held.df, wanted.df, true],
    ["learning", held.learning, wanted.learning, true],
    ["ageing", held.ageing, wanted.ageing, true],
    ["MTU", link.mtu, wanted.mtu, true],
    ["MAC address", link.mac, formatMac(wanted.mac), true],
    ["master index", link.master, master, true],
    ["neighbour suppression", suppressesNeighbours(link), l2?.suppress ?? false, true],
    ["state", link.isUp ? "up" : "down", "up", true],
  ];
  return all
    .filter(([, is, should]) => is !== should)
    .map(([what, is, should, isLive]) => ({ what, held: String(is), wanted: String(should), isLive }));
}

/** Finds this network's device of that name. Throws code 7 if the name belongs to another interface. */
function findOwnDevice(links: readonly Link[], { device, network }: VxlanConfig): Link | undefined {
  const link = links.find(({ name }) => name === device);
  if (link === undefined || isOwnDevice(link, network)) return link;
  const whose = link.alias === "" ? "" : ` (${link.alias})`;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `the interface ${quote(device)}${whose} exists and does not belong to the network ${quote(network)}`,
    'choose another name with "device", or remove the interface; nothing that others made is taken over',
  );
}

export interface DevicePlan {
  readonly wanted: NewVxlan;
  readonly present: Link | undefined;
  /** The existing device is removed and made again. */
  readonly isRecreated: boolean;
  /** This network's devices under former names. */
  readonly stale: readonly Link[];
}

/** Differences that need a new device. */
function fixedDifferences(present: Link, config: VxlanConfig, wanted: NewVxlan): Difference[] {
  const fixed = differencesOf(present, wanted, config.l2, present.master).filter(({ isLive }) => !isLive);
  const held = modeOf(present);
  const mode = config.l2 === undefined ? "l3" : "l2";
  if (held === undefined || held === mode) return fixed;
  return [...fixed, { what: "mode", held, wanted: mode, isLive: false }];
}

/** In the mode l2 the network's pods are on its bridge: moving the device to another bridge would disconnect them. */
function bridgeMoves(links: readonly Link[], { network, bridge, l2 }: VxlanConfig): Difference[] {
  if (l2 === undefined) return [];
  const pod = links.find((link) => isOfNetwork(link, network) && link.master !== 0);
  const held = links.find(({ index }) => index === pod?.master);
  if (held === undefined || held.name === bridge) return [];
  return [{ what: "bridge", held: held.name, wanted: bridge, isLive: false }];
}

/** Decides what to do with the device. Throws code 7 for a change that is impossible. */
export function planDevice(links: readonly Link[], config: VxlanConfig, underlay: Underlay): DevicePlan {
  const wanted = wantedDevice(config, underlay);
  const present = findOwnDevice(links, config);
  validateOtherDevices(links, config, wanted);
  validateNetworks(links, config);
  const stale = links.filter((link) => isOwnDevice(link, config.network) && link.name !== config.device);
  validateNetworkCount(config, present === undefined ? stale : [present, ...stale]);
  const fixed = present === undefined ? [] : fixedDifferences(present, config, wanted);
  const moved = bridgeMoves(links, config);
  if (fixed.length + stale.length + moved.length > 0 && isInUse(links, config.network)) {
    throw inUse(config, present ?? stale[0], [...fixed, ...moved]);
  }
  return { wanted, present, isRecreated: fixed.length > 0, stale };
}

function inUse(
  { network, device }: VxlanConfig,
  link: Link | undefined,
  fixed: readonly Difference[],
): CniError {
  const changes =
    fixed.length === 0
      ? `the name (${link?.name}, configured is ${device})`
      : fixed.map(({ what, held, wanted }) => `the ${what} (${held}, configured is ${wanted})`).join(", ");
  const message = `pods of the network ${quote(network)} use the VXLAN device ${link?.name}: ${changes} cannot be changed`;
  const advice =
    "delete the pods of this network on this node first, or give the new configuration another network name";
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}
