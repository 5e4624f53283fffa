/** ADD: the daemon acquires a lease and keeps it. */
import { openContainer } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { KernelError } from "../../shared/system/kernel-error.ts";
import { callDaemon, Unreachable } from "./client.ts";
import { readDhcp } from "./configuration.ts";
import { del } from "./del.ts";
import { readResult } from "./rpc/result.ts";
import { Method } from "./rpc/wire.ts";

/** A server is asked on the interface, so it must be there already. */
function checkInterface(request: Request): void {
  const container = openContainer(request);
  try {
    if (findLink(container.netlink, request.ifname) !== undefined) return;
  } finally {
    container.close();
  }
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `there is no interface ${request.ifname} in ${request.netns} to ask a DHCP server on`,
    `use "dhcp" with a plugin that makes the interface before it asks for addresses: bridge, macvlan, ipvlan, vlan, host-device or tap`,
  );
}

/** A failure says what the failure of ADD says. */
function tryToRelease(request: Request): void {
  try {
    del(request);
  } catch (thrown) {
    if (!(thrown instanceof CniError || thrown instanceof KernelError)) throw thrown;
  }
}

export function add(request: Request): Result {
  const { socketPath } = readDhcp(request.configuration, request.args);
  checkInterface(request);
  try {
    return readResult(callDaemon(request, socketPath, Method.allocate) ?? {});
  } catch (thrown) {
    // A lease whose answer did not come is given back.
    if (thrown instanceof Unreachable && thrown.hasEnded) tryToRelease(request);
    throw thrown;
  }
}
