/** The interface that a chained plugin works on: made by an earlier plugin of the chain, of whichever kind. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Request } from "../cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { findLink, type Link } from "../netlink/link.ts";
import { isOwnLink } from "./ownership.ts";

/** For ADD and CHECK of a plugin. Throws code 999 if the interface is not there. */
export function requireChainedLink({ netlink, namespace }: Container, ifname: string, plugin: string): Link {
  const link = findLink(netlink, ifname);
  if (link !== undefined) return link;
  const message = `the interface ${ifname} is missing in ${namespace.path}`;
  const advice = `an earlier plugin of the chain makes it: put ${plugin} after it`;
  throw new CniError(ErrorCode.internal, message, advice);
}

/**
 * For DEL: the interface CNI_IFNAME if it is the attachment's for certain. "gone": no interface has that name. "other": the path leads to
 * another container by now, or nothing says whose it is.
 */
export function findChainedLink(request: Request, { netlink }: Container): Link | "gone" | "other" {
  const link = findLink(netlink, request.ifname);
  if (link === undefined) return "gone";
  const host = link.kind === "veth" ? new NetlinkConnection(Protocol.route) : undefined;
  try {
    return isOwnLink(request, netlink, link, host) ? link : "other";
  } finally {
    host?.close();
  }
}
