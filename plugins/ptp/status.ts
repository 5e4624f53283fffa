/** STATUS: whether an ADD could work now. */
import { checkFilterNow } from "../../shared/attachment/filter.ts";
import { checkSwitchable } from "../../shared/attachment/forwarding.ts";
import { checkIpv6Switch } from "../../shared/attachment/ipv6-switch.ts";
import { statedFamilies } from "../../shared/attachment/stated-families.ts";
import { checkNode } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readPtpConfig } from "./config.ts";

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readPtpConfig(request);
  checkNode("veth");
  const families = statedFamilies(request.configuration.fields);
  // The host's end of the link is new.
  if (families.includes(6)) checkIpv6Switch("default");
  checkSwitchable(families);
  checkFilterNow(request, config.masquerade);
  delegateStatus(request, request.configuration.ipamType);
}
