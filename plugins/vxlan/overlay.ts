/** A network's overlay on this node: ensure, take back, remove. */

import { isMadeBridge } from "../../shared/attachment/bridge-alias.ts";
import { bridgeLock } from "../../shared/attachment/bridge-lock.ts";
import { type Cidr, overlaps } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, type Link, listLinks, setLink } from "../../shared/netlink/link.ts";
import { deleteRoute, listRoutes } from "../../shared/netlink/route.ts";
import { Rollback } from "../../shared/rollback.ts";
import { Errno } from "../../shared/system/errno.ts";
import { takeLockToRemove } from "../../shared/system/lock.ts";
import type { VxlanConfig } from "./config.ts";
import { type Change, isInUse, isOfNetwork, PROTOCOL } from "./context.ts";
import { isOwnDevice, pendingAlias, routedNetworks } from "./device-alias.ts";
import { removeGuard } from "./guard.ts";
import { removeCheck } from "./last-check.ts";
import { OverlayLock } from "./overlay-lock.ts";
import { reconcile } from "./reconcile.ts";
import { configurationDigest, deviceState, unchangedState } from "./state.ts";
import { findUnderlay, type Underlay } from "./underlay.ts";

type Environment = Readonly<Record<string, string>>;

const MAIN_TABLE = 254;

function findDevice(netlink: NetlinkConnection, { device, network }: VxlanConfig): Link | undefined {
  const link = findLink(netlink, device);
  return link !== undefined && isOwnDevice(link, network) ? link : undefined;
}

const podsOf = (netlink: NetlinkConnection, network: string) =>
  listLinks(netlink).filter((link) => isOfNetwork(link, network));

/**
 * Runs `work` unless a pod needs the overlay. The device gets the alias of a change first. A pod whose interface comes later
 * finds that alias, and repairs the overlay: so none is overlooked.
 */
function unlessNeeded(
  netlink: NetlinkConnection,
  config: VxlanConfig,
  isNeeded: () => boolean,
  work: () => void,
): void {
  if (isNeeded()) return;
  const device = findDevice(netlink, config);
  const setAlias = (alias: string) => {
    if (device !== undefined) netlink.attempt(setLink({ index: device.index }, { alias }), Errno.ENODEV);
  };
  if (device !== undefined) setAlias(pendingAlias(config, [device]));
  if (!isNeeded()) work();
  else if (device !== undefined) setAlias(device.alias);
}

export interface OverlayOptions {
  readonly change: Change;
  readonly config: VxlanConfig;
  /** The configuration as an object, for its digest. */
  readonly raw: Parameters<typeof configurationDigest>[0];
  readonly environment: Environment;
}

/** The overlay during an ADD. */
export class Overlay {
  readonly #netlink: NetlinkConnection;
  readonly #config: VxlanConfig;
  readonly #raw: OverlayOptions["raw"];
  readonly #environment: Environment;
  readonly #lock: OverlayLock;
  readonly #undo: Change["undo"];
  /** The undo of what this ADD has changed. */
  readonly #steps = new Rollback();
  #isChanged = false;
  /** Index of each pod's interface before that: these pods need no change of this ADD. */
  readonly #former = new Set<number>();
  /** Index and alias of the device when it was in order. */
  #seen = "";

  constructor({ change, config, raw, environment }: OverlayOptions) {
    this.#netlink = change.netlink;
    this.#config = config;
    this.#raw = raw;
    this.#environment = environment;
    this.#lock = new OverlayLock(change.netlink, environment);
    this.#undo = change.undo;
  }

  /** Makes or repairs the overlay. One that is in order needs no lock. Throws codes 6, 7 and 11. */
  ensure(): Underlay {
    const underlay = findUnderlay(this.#netlink, this.#config);
    const digest = configurationDigest(this.#raw, underlay);
    this.#undo.onFailure(() => this.#takeBack());
    const find = () => unchangedState(this.#netlink, this.#config, underlay, digest);
    const found = find();
    if (found !== undefined) this.#seen = found;
    // Another process may have repaired it meanwhile.
    else this.#lock.hold(() => (this.#seen = find() ?? this.#reconcile(underlay, digest)));
    return underlay;
  }

  #reconcile(underlay: Underlay, digest: string): string {
    const { network } = this.#config;
    const steps = new Rollback();
    const links = listLinks(this.#netlink);
    const isNew = !links.some((link) => isOwnDevice(link, network));
    const former = links.filter((link) => isOfNetwork(link, network));
    if (!this.#isChanged) for (const { index } of former) this.#former.add(index);
    try {
      if (isNew) this.#lock.noteUnconfirmed(network);
      const state = reconcile({ netlink: this.#netlink, undo: steps }, this.#config, underlay, digest);
      this.#isChanged = true;
      this.#steps.onFailure(() => steps.run());
      return state;
    } catch (thrown) {
      steps.run();
      if (isNew) this.#lock.confirm(network);
      throw thrown;
    }
  }

  /** After the pod has its interface: repairs what a failed ADD, or the DEL of the last pod, has removed meanwhile. */
  ensureAgain(): void {
    const device = findDevice(this.#netlink, this.#config);
    if (device === undefined || deviceState(device) !== this.#seen) this.ensure();
  }

  /** Takes the changes back, unless another pod needs them. Then its ADD does that, if it fails too. */
  #takeBack(): void {
    const { network, keepDevice } = this.#config;
    if (!this.#isChanged && keepDevice && !this.#lock.mayBeUnconfirmed(network)) return;
    this.#lock.hold(() => {
      const isNeeded = () => podsOf(this.#netlink, network).some(({ index }) => !this.#former.has(index));
      unlessNeeded(this.#netlink, this.#config, isNeeded, () => {
        this.#steps.run();
        const isLeft = findDevice(this.#netlink, this.#config) !== undefined;
        const isUnused = podsOf(this.#netlink, network).length === 0;
        if (isLeft && isUnused && (!keepDevice || this.#lock.isUnconfirmed(network))) {
          removeOverlay(this.#netlink, this.#config, this.#environment);
        }
        this.#lock.confirm(network);
      });
    });
  }

  /** The ADD has succeeded: the overlay stays, also if another ADD has made it. */
  confirm(): void {
    const { network } = this.#config;
    if (this.#isChanged || this.#lock.mayBeUnconfirmed(network)) {
      this.#lock.hold(() => this.#lock.confirm(network));
    }
  }
}

/** Routes to peers on the same link: they are on other interfaces, so they stay when the device goes. */
function removeDirectRoutes(netlink: NetlinkConnection, networks: readonly Cidr[]): void {
  for (const network of networks) {
    const { family } = network.address;
    const held = listRoutes(netlink, { family, table: MAIN_TABLE, protocol: PROTOCOL });
    const own = held.filter(({ destination }) => overlaps(network, destination));
    for (const { error } of netlink.transact(own.map((route) => deleteRoute(route.index, route))))
      if (error !== undefined && error.errno !== Errno.ESRCH) throw error;
  }
}

/** Under the bridge's lock: an ADD that puts a port on it holds the lock from its look at the bridge. */
function removeBridgeIfUnused(netlink: NetlinkConnection, name: string, environment: Environment): void {
  const bridge = findLink(netlink, name);
  if (bridge === undefined || !isMadeBridge(bridge.alias)) return;
  const lock = takeLockToRemove(bridgeLock(netlink, name, environment));
  try {
    if (listLinks(netlink).some(({ master }) => master === bridge.index)) return;
    netlink.attempt(deleteLink({ index: bridge.index }), Errno.ENODEV);
  } finally {
    lock?.release();
  }
}

function removeOverlay(netlink: NetlinkConnection, config: VxlanConfig, environment: Environment): void {
  const own = listLinks(netlink).filter((link) => isOwnDevice(link, config.network));
  // The routes first: the device's alias names them.
  removeDirectRoutes(netlink, [...(config.l3?.networks ?? []), ...own.flatMap(routedNetworks)]);
  for (const { index } of own) netlink.attempt(deleteLink({ index }), Errno.ENODEV);
  removeGuard(config.network);
  removeCheck(config.network);
  removeBridgeIfUnused(netlink, config.bridge, environment);
}

/** Removes the device, its guard and its bridge, unless the network still has pods. */
export function removeOverlayIfUnused(config: VxlanConfig, environment: Environment): void {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    const isNeeded = () => isInUse(listLinks(netlink), config.network);
    const lock = new OverlayLock(netlink, environment);
    lock.holdToRemove(() =>
      unlessNeeded(netlink, config, isNeeded, () => {
        removeOverlay(netlink, config, environment);
        lock.confirm(config.network);
      }),
    );
  } finally {
    netlink.close();
  }
}
