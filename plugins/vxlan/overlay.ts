/** A network's overlay on this node: ensure, remove, compare. */

import { isMadeBridge } from "../../shared/attachment/bridge-alias.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { type Cidr, overlaps } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { deleteLink, findLink, listLinks } from "../../shared/netlink/link.ts";
import { deleteRoute, listRoutes } from "../../shared/netlink/route.ts";
import { Errno } from "../../shared/system/errno.ts";
import { lockOwnNamespace } from "../../shared/system/lock.ts";
import type { VxlanConfig } from "./config.ts";
import { type Change, isInUse, PROTOCOL } from "./context.ts";
import { isOwnDevice, routedNetworks } from "./device-alias.ts";
import { removeGuard } from "./guard.ts";
import { removeCheck } from "./last-check.ts";
import { reconcile } from "./reconcile.ts";
import { configurationDigest, isUnchanged } from "./state.ts";
import { findUnderlay, type Underlay } from "./underlay.ts";

const MAIN_TABLE = 254;

/** One process at a time changes the node's overlays. An overlay that is in order needs no lock. */
function withOverlayLock<Value>(work: () => Value): Value {
  const lock = lockOwnNamespace();
  try {
    lock.makeExclusive();
    return work();
  } finally {
    lock.release();
  }
}

/** Makes or repairs the overlay. Throws codes 6, 7 and 11. */
export function ensureOverlay(change: Change, config: VxlanConfig, request: Request): Underlay {
  const { netlink } = change;
  const underlay = findUnderlay(netlink, config);
  const digest = configurationDigest(request.configuration.raw, underlay);
  if (isUnchanged(netlink, config, underlay, digest)) return underlay;
  // The undo takes the lock again, since it may run much later.
  const undo = { onFailure: (step: () => void) => change.undo.onFailure(() => withOverlayLock(step)) };
  withOverlayLock(() => {
    // Another process may have repaired it meanwhile.
    if (isUnchanged(netlink, config, underlay, digest)) return;
    reconcile({ netlink, undo }, config, underlay, digest);
  });
  return underlay;
}

/** True if the network's device exists: a DEL of the last pod may have removed it during this ADD. */
export function hasDevice(netlink: NetlinkConnection, { device, network }: VxlanConfig): boolean {
  const link = findLink(netlink, device);
  return link !== undefined && isOwnDevice(link, network);
}

/** Routes to peers on the same link: they are on other interfaces, so they stay when the device goes. */
function removeDirectRoutes(netlink: NetlinkConnection, networks: readonly Cidr[]): void {
  for (const network of networks) {
    const { family } = network.address;
    const held = listRoutes(netlink, { family, table: MAIN_TABLE, protocol: PROTOCOL });
    const own = held.filter(({ destination }) => overlaps(network, destination));
    netlink.transact(own.map((route) => deleteRoute(route.index, route)));
  }
}

/** Removes the device, its guard and its bridge, unless the network still has pods. */
export function removeOverlayIfUnused(config: VxlanConfig): void {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    withOverlayLock(() => {
      const links = listLinks(netlink);
      if (isInUse(links, config.network)) return;
      const own = links.filter((link) => isOwnDevice(link, config.network));
      // The routes first: the device's alias names them.
      removeDirectRoutes(netlink, [...(config.l3?.networks ?? []), ...own.flatMap(routedNetworks)]);
      for (const { index } of own) netlink.attempt(deleteLink({ index }), Errno.ENODEV);
      removeGuard(config.network);
      removeCheck(config.network);
      const bridge = links.find(({ name, alias }) => name === config.bridge && isMadeBridge(alias));
      if (bridge === undefined || listLinks(netlink).some(({ master }) => master === bridge.index)) return;
      netlink.attempt(deleteLink({ index: bridge.index }), Errno.ENODEV);
    });
  } finally {
    netlink.close();
  }
}
