/** STATUS: whether an ADD could work now. */
import { validateFilter } from "../../shared/attachment/filter.ts";
import { checkSwitchable } from "../../shared/attachment/forwarding.ts";
import { statedFamilies } from "../../shared/attachment/stated-families.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readPtpConfig } from "./config.ts";

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readPtpConfig(request);
  checkSwitchable(statedFamilies(request.configuration.fields));
  validateFilter(request, config.masquerade);
  delegateStatus(request, request.configuration.ipamType);
}
