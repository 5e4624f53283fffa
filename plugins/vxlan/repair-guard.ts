/** DEL and GC: the guard that a flush of all rules has removed comes back, for the pods that stay. */
import { CniError } from "../../shared/cni/error.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { KernelError } from "../../shared/system/kernel-error.ts";
import type { VxlanConfig } from "./config.ts";
import { isOwnDevice } from "./device-alias.ts";
import { ensureGuard, isGuardInPlace } from "./guard.ts";
import { guardOf, readPeers } from "./reconcile.ts";
import { findUnderlay } from "./underlay.ts";

function repair(netlink: NetlinkConnection, config: VxlanConfig): void {
  const device = findLink(netlink, config.device);
  if (device === undefined || !isOwnDevice(device, config.network)) return;
  const underlay = findUnderlay(netlink, config);
  const guard = guardOf(config, underlay);
  // One that is there has the peers of the last ADD; the configuration of this call may be an older one.
  if (isGuardInPlace(guard)) return;
  const peers = readPeers(config, underlay);
  ensureGuard(
    guard,
    peers.map(({ vtep }) => vtep),
  );
}

/** Makes the guard again if the overlay is there and its rules are not. DEL must not fail for what is not its own: errors are ignored. */
export function repairGuard(config: VxlanConfig | undefined): void {
  if (config?.guard === undefined) return;
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    repair(netlink, config);
  } catch (thrown) {
    if (!(thrown instanceof CniError || thrown instanceof KernelError)) throw thrown;
  } finally {
    netlink.close();
  }
}
