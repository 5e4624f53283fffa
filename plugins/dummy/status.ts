/** STATUS: whether the kernel has dummy interfaces, and IPAM has addresses. */
import { checkNode } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { KIND, readDummyConfig } from "./config.ts";

export function status(request: Request): void {
  readDummyConfig(request);
  checkNode(KIND);
  delegateStatus(request, request.configuration.ipamType);
}
