/** Addresses from the IPAM plugin. */
import { delegateAdd, delegateDel } from "../cni/delegate.ts";
import type { Request } from "../cni/plugin.ts";
import { emptyResult, type Result } from "../cni/result.ts";
import type { Rollback } from "../rollback.ts";

/** Asks IPAM for addresses. A later failure gives them back. Without IPAM the result is empty. */
export function allocate(request: Request, undo: Rollback): Result {
  const { ipamType } = request.configuration;
  if (ipamType === "") return emptyResult;
  const result = delegateAdd(request, ipamType);
  undo.onFailure(() => delegateDel(request, ipamType));
  return result;
}
