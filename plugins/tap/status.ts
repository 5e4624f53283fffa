/** STATUS: whether the node has tap devices, and IPAM has addresses. */
import { checkEntering } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { checkLockFolder } from "../../shared/system/lock-status.ts";
import { readTapConfig } from "./config.ts";
import { checkTaps } from "./make.ts";

export function status(request: Request): void {
  checkTaps(readTapConfig(request), request);
  checkEntering();
  checkLockFolder();
  const { ipamType } = request.configuration;
  if (ipamType !== "") delegateStatus(request, ipamType);
}
