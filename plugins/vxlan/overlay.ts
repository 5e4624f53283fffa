/** The overlay of a network on this node, as the verbs see it. */

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
import { forgetLook } from "./last-look.ts";
import { reconcile } from "./reconcile.ts";
import { configurationDigest, isInOrder } from "./state.ts";
import { findUnderlay, type Underlay } from "./underlay.ts";

const MAIN_TABLE = 254;

/** Only one at a time changes overlays on a node; what is in order needs no lock. */
export function withOverlayLock<Value>(work: () => Value): Value {
  const lock = lockOwnNamespace();
  try {
    lock.makeExclusive();
    return work();
  } finally {
    lock.release();
  }
}

/** Brings the overlay in order, if it is not. Throws codes 6, 7 and 11. */
export function ensureOverlay(change: Change, config: VxlanConfig, request: Request): Underlay {
  const { netlink } = change;
  const underlay = findUnderlay(netlink, config);
  const digest = configurationDigest(request.configuration.raw, underlay);
  if (isInOrder(netlink, config, underlay, digest)) return underlay;
  // The undo takes the lock again, as it may be run much later.
  const undo = { onFailure: (step: () => void) => change.undo.onFailure(() => withOverlayLock(step)) };
  withOverlayLock(() => {
    // Somebody else may have done it meanwhile.
    if (isInOrder(netlink, config, underlay, digest)) return;
    reconcile({ netlink, undo }, config, underlay, digest);
  });
  return underlay;
}

/** Whether the network's device is there: it may have been removed with the last pod while this one was attached. */
export function hasDevice(netlink: NetlinkConnection, { device, network }: VxlanConfig): boolean {
  const link = findLink(netlink, device);
  return link !== undefined && isOwnDevice(link, network);
}

/** Routes to peers on the same link, which go with no device. */
function removeDirectRoutes(netlink: NetlinkConnection, networks: readonly Cidr[]): void {
  for (const network of networks) {
    const { family } = network.address;
    const held = listRoutes(netlink, { family, table: MAIN_TABLE, protocol: PROTOCOL });
    const own = held.filter(({ destination }) => overlaps(network, destination));
    netlink.transact(own.map((route) => deleteRoute(route.index, route)));
  }
}

/** Removes the device, its guard and its bridge, if no pod is attached to the network any more. */
export function removeOverlayIfUnused(config: VxlanConfig): void {
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    withOverlayLock(() => {
      const links = listLinks(netlink);
      if (isInUse(links, config.network)) return;
      const own = links.filter((link) => isOwnDevice(link, config.network));
      // First, as the device tells which they are.
      removeDirectRoutes(netlink, [...(config.l3?.networks ?? []), ...own.flatMap(routedNetworks)]);
      for (const { index } of own) netlink.attempt(deleteLink({ index }), Errno.ENODEV);
      removeGuard(config.network);
      forgetLook(config.network);
      const bridge = links.find(({ name, alias }) => name === config.bridge && isMadeBridge(alias));
      if (bridge === undefined || listLinks(netlink).some(({ master }) => master === bridge.index)) return;
      netlink.attempt(deleteLink({ index: bridge.index }), Errno.ENODEV);
    });
  } finally {
    netlink.close();
  }
}
