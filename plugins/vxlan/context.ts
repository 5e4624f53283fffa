/** What every step that changes the overlay works with. */
import { networkText } from "../../shared/cni/attachment.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { type Link, listLinks } from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";

export interface Change {
  readonly netlink: NetlinkConnection;
  readonly undo: Pick<Rollback, "onFailure">;
}

/** rtm_protocol of our routes and neighbours: none of iproute2's rt_protos, nor of a routing daemon known to us. */
export const PROTOCOL = 84;

/** Whether a link is the node's end of that of a pod. */
export function isOfNetwork({ kind, alias }: Link, network: string): boolean {
  return kind === "veth" && alias.startsWith(networkText(network));
}

/** Whether pods are attached to the network on this node. */
export function isInUse(links: readonly Link[], network: string): boolean {
  return links.some((link) => isOfNetwork(link, network));
}

export function isInUseNow(netlink: NetlinkConnection, network: string): boolean {
  return isInUse(listLinks(netlink), network);
}
