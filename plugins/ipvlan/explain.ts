/** What the kernel's refusals mean (drivers/net/ipvlan/ipvlan_main.c). */
import { busyMaster } from "../../shared/attachment/busy-master.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import type { NetlinkError } from "../../shared/netlink/error.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { Errno } from "../../shared/system/errno.ts";

export function explain(
  refused: NetlinkError,
  master: Link,
  netlink: NetlinkConnection,
): CniError | undefined {
  if (refused.errno === Errno.EBUSY) return busyMaster("ipvlan", master, netlink, refused);
  if (refused.errno !== Errno.EADDRINUSE) return undefined;
  const message = `another ipvlan interface on ${master.name} has one of the container's addresses`;
  const advice =
    "two networks on one master need ranges that do not overlap, or one of the addresses was given by hand";
  return new CniError(ErrorCode.internal, message, advice, refused);
}
