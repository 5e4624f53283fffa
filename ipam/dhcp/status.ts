/** STATUS: the daemon answers. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { callDaemon, Unreachable } from "./client.ts";
import { readDhcp } from "./configuration.ts";
import { Method } from "./rpc/wire.ts";

export function status(request: Request): void {
  const { socketPath } = readDhcp(request.configuration, "");
  try {
    callDaemon(request, socketPath, Method.status);
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown;
    throw new CniError(ErrorCode.notAvailable, thrown.message, thrown.details);
  }
}
