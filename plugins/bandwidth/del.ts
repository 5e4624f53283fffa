/** DEL and GC: the ifb device goes, which would outlive the container. So do the limits of the pair, as long as it exists. */
import { findChainedLink } from "../../shared/attachment/chained-link.ts";
import { openContainerIfPresent } from "../../shared/cni/container.ts";
import { runAll } from "../../shared/cni/error.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { deleteLink, type Link } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";
import { isLimited, readBandwidth } from "./config.ts";
import { findHostEnd } from "./host-end.ts";
import { findIfb, findShaped, findStaleIfbs, ifbNames } from "./ifb.ts";
import { removeLimits } from "./shaping.ts";

/** A configuration that cannot be read may have had limits. */
function asksForLimits(request: Request): boolean {
  try {
    return isLimited(readBandwidth(request));
  } catch {
    return true;
  }
}

/** Whether there is nothing to remove for certain: no limit is asked for, and ADD has reported no device. */
function hasNothing(request: Request): boolean {
  const { prevResult } = request.configuration;
  if (prevResult === undefined || asksForLimits(request)) return false;
  const names = ifbNames(attachmentOf(request));
  return prevResult.interfaces.every(({ name }) => !names.includes(name));
}

/** The host's end of the pair, found from inside: for limits without a device, and those that the reference plugin made. */
function findEndFromInside(request: Request, host: NetlinkConnection): Link | undefined {
  const container = openContainerIfPresent(request);
  if (container === undefined) return undefined;
  try {
    const link = findChainedLink(request, container);
    return typeof link === "string" ? undefined : findHostEnd(host, link);
  } finally {
    container.close();
  }
}

/** First the limits of the pair: without the device its filters would drop what the container sends, should the pair stay. */
function removeAll(host: NetlinkConnection, ifb: Link | undefined, findEnd: () => Link | undefined): void {
  runAll([
    () => {
      const end = findEnd();
      if (end !== undefined) removeLimits(host, end.index);
    },
    () => {
      if (ifb !== undefined) host.attempt(deleteLink({ index: ifb.index }), Errno.ENODEV);
    },
  ]);
}

function onHost(work: (host: NetlinkConnection) => void): void {
  const host = new NetlinkConnection(Protocol.route);
  try {
    work(host);
  } finally {
    host.close();
  }
}

export function del(request: Request): void {
  if (hasNothing(request)) return;
  onHost((host) => {
    const ifb = findIfb(host, request);
    const shaped = () => (ifb === undefined ? undefined : findShaped(host, ifb));
    removeAll(host, ifb, () => shaped() ?? findEndFromInside(request, host));
  });
}

export function gc(request: Request): void {
  const kept = attachmentsToKeep(request);
  onHost((host) => {
    const stale = findStaleIfbs(host, request.configuration.name, kept);
    runAll(stale.map((ifb) => () => removeAll(host, ifb, () => findShaped(host, ifb))));
  });
}
