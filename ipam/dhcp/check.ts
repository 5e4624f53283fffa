/** CHECK: the daemon holds the lease of the address in prevResult. */
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { callDaemon } from "./client.ts";
import { readDhcp } from "./configuration.ts";
import { Method } from "./rpc/wire.ts";

export function check(request: Request): void {
  const { socketPath } = readDhcp(request.configuration, request.args);
  requirePrevResult(request);
  // The reference plugin's daemon lacks the method. Its own CHECK would acquire a lease that is missing.
  callDaemon(request, socketPath, Method.check);
}
