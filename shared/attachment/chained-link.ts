/** The interface that a chained plugin works on: made by an earlier plugin of the chain, of whichever kind. */
import type { Container } from "../cni/container.ts";
import { attachmentOf, type Request } from "../cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink, findLinkByIndex, type Link } from "../netlink/link.ts";
import { hasOwner, isAliasOf } from "./link-alias.ts";
import { isProvablyOwn } from "./ownership.ts";

/** The alias of the host's end of a pair; empty if the link is of another kind. */
function hostAlias(link: Link): string {
  if (link.kind !== "veth") return "";
  const host = new NetlinkConnection(Protocol.route);
  try {
    const end = findLinkByIndex(host, link.peer);
    return end?.kind === link.kind && end.peer === link.index ? end.alias : "";
  } finally {
    host.close();
  }
}

/**
 * For DEL: the interface CNI_IFNAME if it is the attachment's for certain. "gone": no interface has that name. "other": the path leads to
 * another container by now, or nothing says whose it is.
 */
export function findChainedLink(request: Request, { netlink }: Container): Link | "gone" | "other" {
  const link = findLink(netlink, request.ifname);
  if (link === undefined) return "gone";
  const alias = hasOwner(link.alias) ? link.alias : hostAlias(link);
  const isOwn = hasOwner(alias)
    ? isAliasOf(alias, attachmentOf(request))
    : isProvablyOwn(request, netlink, link);
  return isOwn ? link : "other";
}
