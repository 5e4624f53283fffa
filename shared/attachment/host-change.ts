/** What a step of ADD that changes the host needs. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { Rollback } from "../rollback.ts";

export interface HostChange {
  readonly netlink: NetlinkConnection;
  readonly undo: Rollback;
}
