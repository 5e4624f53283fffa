/** ADD: the container's traffic is forwarded. A failure leaves nothing of this attachment. */
import { livenessFor } from "../../shared/attachment/recovered.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { applyFilter, clearFilter } from "../../shared/filter/filter.ts";
import { readFirewall } from "./config.ts";
import { wantedOf } from "./wanted.ts";

export function add(request: Request): Result {
  const config = readFirewall(request);
  const result = requirePrevResult(request);
  const wanted = wantedOf(request, config, result);
  const apply = result.ips.length === 0 ? clearFilter : applyFilter;
  step("rules", () => void apply(wanted, request.environment, livenessFor(request)));
  return result;
}
