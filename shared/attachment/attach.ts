/** ADD, around the steps of a plugin. */
import { type Container, openContainer } from "../cni/container.ts";
import type { Request } from "../cni/plugin.ts";
import type { Result } from "../cni/result.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { Rollback } from "../rollback.ts";
import type { HostChange } from "./host-change.ts";

/**
 * Attaches the container: opens its namespace and a connection on the host, and runs `work`. If `work` throws, the undos run, the last one first.
 */
export function attach(request: Request, work: (container: Container, change: HostChange) => Result): Result {
  const container = openContainer(request);
  const change = { netlink: new NetlinkConnection(Protocol.route), undo: new Rollback() };
  try {
    const result = work(container, change);
    change.undo.commit();
    return result;
  } finally {
    change.undo.run();
    change.netlink.close();
    container.close();
  }
}
