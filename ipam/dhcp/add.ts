/** ADD: the daemon acquires a lease and keeps it. */
import { openContainer } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { findLink } from "../../shared/netlink/link.ts";
import { callDaemon } from "./client.ts";
import { readDhcp } from "./configuration.ts";
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

export function add(request: Request): Result {
  const { socketPath } = readDhcp(request.configuration, request.args);
  checkInterface(request);
  return readResult(callDaemon(request, socketPath, Method.allocate) ?? {});
}
