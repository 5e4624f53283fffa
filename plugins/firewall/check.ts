/** CHECK: the rules are in place. STATUS: they could be made. */
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { checkFilter } from "../../shared/filter/choice.ts";
import { checkFilterStatus } from "../../shared/filter/status.ts";
import { readFirewall } from "./config.ts";
import { sampleOf, wantedOf } from "./wanted.ts";

export function check(request: Request): void {
  const config = readFirewall(request);
  const result = requirePrevResult(request);
  if (result.ips.length > 0) checkFilter(wantedOf(request, config, result), request.environment);
}

export function status(request: Request): void {
  checkFilterStatus(sampleOf(request, readFirewall(request)), request.environment);
}
