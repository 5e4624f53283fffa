/** STATUS: whether an ADD could work now. */
import { validateFilter } from "../../shared/attachment/filter.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readPtpConfig } from "./config.ts";

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readPtpConfig(request);
  validateFilter(request, config.masquerade);
  delegateStatus(request, request.configuration.ipamType);
}
