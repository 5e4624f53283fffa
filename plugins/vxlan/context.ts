/** What all steps that change the overlay share. */
import { networkText } from "../../shared/cni/attachment.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { type Link, listLinks } from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";

export interface Change {
  readonly netlink: NetlinkConnection;
  readonly undo: Pick<Rollback, "onFailure">;
}

/**
 * rtm_protocol of our routes and neighbours. It is not in iproute2's rt_protos, and no known routing daemon uses it.
 */
export const PROTOCOL = 84;

/** True if a link is the host's end of a pod's veth pair. */
export function isOfNetwork({ kind, alias }: Link, network: string): boolean {
  return kind === "veth" && alias.startsWith(networkText(network));
}

/** True if the network has pods on this node. */
export function isInUse(links: readonly Link[], network: string): boolean {
  return links.some((link) => isOfNetwork(link, network));
}

export function isInUseNow(netlink: NetlinkConnection, network: string): boolean {
  return isInUse(listLinks(netlink), network);
}
