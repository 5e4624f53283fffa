/** A bridge takes 1023 ports (BR_MAX_PORTS in net/bridge/br_private.h; the number 0 stays unused). */
import { CniError } from "../cni/error.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import { type Link, listLinks } from "../netlink/link.ts";
import { Errno } from "../system/errno.ts";

const MOST_PORTS = 1023;

/** ADD uses code 11 (try again later), since the next DEL frees a port; STATUS uses code 50. */
function fullBridge(name: string, code: number, cause?: unknown): CniError {
  return new CniError(
    code,
    `the bridge ${name} has ${MOST_PORTS} ports, the most that the kernel takes`,
    "remove containers, or give part of them a network with another bridge; ports that are no container's count, too",
    cause,
  );
}

/** The error of a link that was to become a port. */
export const refusedPort = (thrown: unknown, bridge: string, code: number): unknown =>
  thrown instanceof NetlinkError && thrown.errno === Errno.EXFULL ? fullBridge(bridge, code, thrown) : thrown;

/** Throws if the bridge takes no further port. */
export function checkFreePort(netlink: NetlinkConnection, { index, name }: Link, code: number): void {
  const ports = listLinks(netlink).filter(({ master }) => master === index);
  if (ports.length >= MOST_PORTS) throw fullBridge(name, code);
}
