/** CHECK: whether the device is in the container with its addresses and routes, and IPAM knows them. */
import { checkInside } from "../../shared/attachment/check-inside.ts";
import { delegateCheck } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { owned, readHostDeviceConfig } from "./config.ts";
import { isDrivenByProgram } from "./dpdk.ts";

/** The kernel knows nothing of the interface. */
function checkForProgram(request: Request): void {
  requirePrevResult(request);
  const { ipamType } = request.configuration;
  if (ipamType !== "") delegateCheck(request, ipamType);
}

export function check(request: Request): void {
  if (isDrivenByProgram(readHostDeviceConfig(request))) checkForProgram(request);
  else checkInside(request, owned.link);
}
