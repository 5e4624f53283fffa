/** What every step that changes the overlay works with, and how its objects say whose they are. */
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

/** The start of the alias of a network's VXLAN device; what follows is state.ts's. */
export function deviceText(network: string): string {
  return `${networkText(network)}vxlan `;
}

/** Whether the device is the network's own. */
export function isOwnDevice({ kind, alias }: Link, network: string): boolean {
  return kind === "vxlan" && alias.startsWith(deviceText(network));
}

/** Whether pods are attached to the network on this node. */
export function isInUse(links: readonly Link[], network: string): boolean {
  return links.some(({ kind, alias }) => kind === "veth" && alias.startsWith(networkText(network)));
}

export function isInUseNow(netlink: NetlinkConnection, network: string): boolean {
  return isInUse(listLinks(netlink), network);
}
