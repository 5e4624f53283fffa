/** Changes this node's overlay to match the configuration, and verifies the result. */
import { CniError, ErrorCode, messageOf } from "../../shared/cni/error.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { NetlinkError } from "../../shared/netlink/error.ts";
import { findLink, formatMac, type Link, listLinks, setLink } from "../../shared/netlink/link.ts";
import { lookUpRoutes } from "../../shared/netlink/route-lookup.ts";
import { Errno } from "../../shared/system/errno.ts";
import type { VxlanConfig } from "./config.ts";
import type { Change } from "./context.ts";
import { bringUpDevice, ensureDevice, ensureOverlayBridge, findOverlayBridge } from "./device.ts";
import { type DevicePlan, planDevice } from "./device-plan.ts";
import type { Difference } from "./difference.ts";
import { type DirectPeers, type Entries, wantedEntries } from "./entries.ts";
import { ensureGuard, heldVteps, removeGuard } from "./guard.ts";
import type { Guard } from "./guard-rule.ts";
import { compareAll, readEntries } from "./kernel-entries.ts";
import type { Peer } from "./peers/peer.ts";
import { peerSource } from "./peers/source.ts";
import { validatePeers } from "./peers/validate.ts";
import { currentAlias, deviceState } from "./state.ts";
import type { Underlay } from "./underlay.ts";

/** Reads and validates the peers. Throws codes 6 and 7. */
export function readPeers(config: VxlanConfig, underlay: Underlay): readonly Peer[] {
  const peers = peerSource(config.discovery).read(config.discovery);
  validatePeers(config, underlay, peers);
  return peers;
}

/** Finds the peers without a gateway in between, which need no encapsulation, and their interfaces. */
function findDirectPeers(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  peers: readonly Peer[],
): DirectPeers {
  const direct = new Map<Peer, number>();
  if (config.l3?.directRouting !== true) return direct;
  const routes = lookUpRoutes(netlink, vtepsOf(peers));
  routes.forEach((route, index) => {
    const peer = peers[index];
    if (peer !== undefined && route !== undefined && route.gateway === undefined)
      direct.set(peer, route.index);
  });
  return direct;
}

/** The guard of a network; its peers are unknown behind a multicast group alone. */
export function guardOf({ network, vni, port, guard }: VxlanConfig, { local, linkName }: Underlay): Guard {
  const plain = { network, vni, port, family: local.family };
  return guard === "underlay" ? { ...plain, underlay: linkName } : plain;
}

interface Overlay {
  readonly config: VxlanConfig;
  readonly device: Link;
  readonly bridge: Link | undefined;
  readonly wanted: Entries;
}

const compareWithKernel = (netlink: NetlinkConnection, { config, device, bridge, wanted }: Overlay) =>
  compareAll(netlink, readEntries(netlink, config, device, bridge), wanted, device, bridge);

const firstProblem = (differences: readonly Difference[]): string | undefined => {
  for (const difference of differences) {
    const [problem] = difference.problems();
    if (problem !== undefined) return problem;
  }
  return undefined;
};

/**
 * Another program's route to a peer's subnet stays, so the overlay cannot have its own: explains the kernel's error.
 */
function explain(thrown: unknown): unknown {
  if (!(thrown instanceof NetlinkError) || thrown.errno !== Errno.EEXIST) return thrown;
  const advice =
    "another program on this node routes that network: remove its route, or correct the peer's subnets";
  return new CniError(ErrorCode.invalidConfiguration, thrown.message, advice, thrown);
}

function applyEntries({ netlink, undo }: Change, overlay: Overlay): void {
  const differences = compareWithKernel(netlink, overlay);
  const additions = differences.flatMap((each) => each.additions());
  // Dependents are removed before what they need.
  const removals = differences.flatMap((each) => each.removals()).reverse();
  const steps = additions.concat(removals);
  if (steps.length === 0) return;
  undo.onFailure(() => void netlink.transact(steps.map((step) => step.undo()).reverse()));
  try {
    netlink.executeAll(steps.map(({ message }) => message));
  } catch (thrown) {
    throw explain(thrown);
  }
  // The kernel acknowledges some requests that it does not carry out.
  const problem = firstProblem(compareWithKernel(netlink, overlay));
  if (problem === undefined) return;
  const message = `the kernel accepted the entries of ${overlay.device.name} but lacks them: ${problem}`;
  throw new CniError(
    ErrorCode.internal,
    message,
    "another program on this node may change them: run ADD again",
  );
}

function applyGuard({ undo }: Change, config: VxlanConfig, guard: Guard, peers: readonly Peer[]): void {
  const before = heldVteps(guard);
  undo.onFailure(() => (before === undefined ? removeGuard(config.network) : ensureGuard(guard, before)));
  if (config.guard !== undefined) ensureGuard(guard, vtepsOf(peers));
  else removeGuard(config.network);
}

const vtepsOf = (peers: readonly Peer[]) => peers.map(({ vtep }) => vtep);

/** Marks the device as in order. Returns its state (state.ts). */
function markVerified(
  { netlink, undo }: Change,
  config: VxlanConfig,
  underlay: Underlay,
  device: Link,
  digest: string,
): string {
  const alias = currentAlias(netlink, config, underlay, digest);
  if (alias === undefined || alias === device.alias) return deviceState(device);
  undo.onFailure(() => void netlink.transact([setLink({ index: device.index }, { alias: device.alias })]));
  netlink.execute(setLink({ index: device.index }, { alias }));
  return deviceState({ index: device.index, alias });
}

/** A new MAC address flushes the neighbours. Their undo must follow the device's, so it is noted first. */
function restoreNeighboursOnFailure(
  { netlink, undo }: Change,
  config: VxlanConfig,
  { present, wanted, isRecreated }: DevicePlan,
  bridge: Link | undefined,
): void {
  if (present === undefined || isRecreated || present.mac === formatMac(wanted.mac)) return;
  const before = readEntries(netlink, config, present, bridge);
  undo.onFailure(() => {
    const now = readEntries(netlink, config, present, bridge);
    const differences = compareAll(netlink, now, before, present, bridge);
    netlink.transact(differences.flatMap((each) => each.additions().map(({ message }) => message)));
  });
}

/**
 * Validates everything before the first change. Returns the state of the device. Throws codes 6, 7 and 11; `change.undo` has
 * the steps until then.
 */
export function reconcile(change: Change, config: VxlanConfig, underlay: Underlay, digest: string): string {
  const { netlink } = change;
  const peers = readPeers(config, underlay);
  const links = listLinks(netlink);
  const plan = planDevice(links, config, underlay);
  const found = config.l2 === undefined ? undefined : findOverlayBridge(links, config);
  const direct = findDirectPeers(netlink, config, peers);
  const bridge = config.l2 === undefined ? undefined : ensureOverlayBridge(change, config.bridge, found);
  restoreNeighboursOnFailure(change, config, plan, bridge);
  ensureDevice(change, config, plan);
  // The guard comes before the device is up: no foreign frame gets in.
  applyGuard(change, config, guardOf(config, underlay), peers);
  const device = bringUpDevice(change, config, plan, bridge);
  const wanted = wantedEntries(config, peers, device.index, direct);
  applyEntries(change, { config, device, bridge, wanted });
  return markVerified(change, config, underlay, device, digest);
}

/** Describes all differences. Changes nothing. */
export function entryProblems(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  peers: readonly Peer[],
  device: Link,
): string[] {
  const bridge = config.l2 === undefined ? undefined : findLink(netlink, config.bridge);
  const wanted = wantedEntries(config, peers, device.index, findDirectPeers(netlink, config, peers));
  try {
    const differences = compareWithKernel(netlink, { config, device, bridge, wanted });
    return differences.flatMap((each) => each.problems());
  } catch (thrown) {
    return [messageOf(thrown)];
  }
}
