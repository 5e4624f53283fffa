/** A name for the network namespace of a socket, for files that belong to one namespace. */
import { fileStatus } from "../system/file-status.ts";
import type { NetlinkConnection } from "./connection.ts";

/** The cookie (Linux 5.14) is never given twice; an inode may be. */
export function namespaceName(connection: NetlinkConnection): string {
  const cookie = connection.namespaceCookie();
  return cookie === undefined ? `inode-${fileStatus("/proc/thread-self/ns/net")?.inode}` : String(cookie);
}
