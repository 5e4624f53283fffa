/** The bridge in the container of which the tap device is a port. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLink, type Link } from "../../shared/netlink/link.ts";

/** Throws code 999 if it is not there: another network of the container makes it. Undefined if none is wanted. */
export function findBridge(netlink: NetlinkConnection, name: string): Link | undefined {
  if (name === "") return undefined;
  const link = findLink(netlink, name);
  if (link?.kind === "bridge") return link;
  const problem = link === undefined ? "does not exist" : "is not a bridge";
  const advice = `"bridge" names one in the container, not on the node: another network of the container must make it before`;
  throw new CniError(ErrorCode.internal, `the bridge ${name} ${problem} in the container`, advice);
}
