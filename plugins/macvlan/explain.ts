/** What the kernel's refusals to make a macvlan interface mean (drivers/net/macvlan.c, net/core/dev.c). */
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
  if (refused.errno === Errno.EBUSY) return busyMaster("macvlan", master, netlink, refused);
  if (refused.errno === Errno.EADDRINUSE) {
    const message = `another interface on ${master.name} has the MAC address that the container would have`;
    const advice =
      "two containers have the same IP address, or asked for the same MAC address: change one of them";
    return new CniError(ErrorCode.internal, message, advice, refused);
  }
  // One interface in the mode passthru has the whole master.
  if (refused.errno !== Errno.EINVAL) return undefined;
  const message = `the master ${master.name} takes no macvlan interface of this mode`;
  const advice = `an interface in the mode "passthru" is there, or "mode" is passthru and others are: use another master or mode`;
  return new CniError(ErrorCode.internal, message, advice, refused);
}
