/** ADD: the configured or requested addresses, as they are. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { readStatic } from "./configuration.ts";

export function add(request: Request): Result {
  const { ips, routes, dns } = readStatic(request);
  if (ips.length > 0) return { interfaces: [], ips, routes, dns };
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `static has no address for container ${request.containerId} ${request.ifname}`,
    `set "ipam.addresses", or "capabilities": {"ips": true} and have the runtime ask for an address`,
  );
}
