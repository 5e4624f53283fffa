/** A master that another device has: the kernel gives the frames of a device to one receiver only (netdev_rx_handler_register). */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { NetlinkError } from "../netlink/error.ts";
import { findLinkByIndex, type Link } from "../netlink/link.ts";

/** The error for EBUSY: who has the master, and what to do. `netlink` is a connection in the master's namespace. */
export function busyMaster(
  kind: string,
  master: Link,
  netlink: NetlinkConnection,
  refused: NetlinkError,
): CniError {
  const owner = master.master === 0 ? undefined : findLinkByIndex(netlink, master.master);
  const other = kind === "macvlan" ? "ipvlan" : "macvlan";
  const [cause, advice] =
    owner === undefined
      ? [`it may have ${other} interfaces`, `a master has either kind: use "${other}", or another master`]
      : [`it is a port of ${owner.name}`, `use ${owner.name} as "master", or take ${master.name} out of it`];
  const message = `the master ${master.name} is in use, so it takes no ${kind} interface: ${cause}`;
  return new CniError(ErrorCode.internal, message, advice, refused);
}
