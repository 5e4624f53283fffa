/**
 * DEL: removes the attachment. With the last attachment it removes the overlay, unless the configuration keeps it.
 */
import { runAll } from "../../shared/cni/error.ts";
import { builtinPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { removeOverlayIfUnused } from "./overlay.ts";
import { removalDelegation } from "./pod.ts";
import { repairGuard } from "./repair-guard.ts";

/** Undefined if the configuration has become invalid: DEL then detaches the pod and leaves the overlay. */
export function configurationIfValid(request: Request): VxlanConfig | undefined {
  try {
    return readVxlanConfig(request);
  } catch {
    return undefined;
  }
}

/** Detaches the pod. Goes through all steps after an error. */
export function del(request: Request): void {
  const { type, request: made } = removalDelegation(request);
  const config = configurationIfValid(request);
  runAll([
    () => builtinPlugin(request, type).del(made),
    () => {
      if (config?.keepDevice === false) removeOverlayIfUnused(config, request.environment);
    },
    () => repairGuard(config),
  ]);
}
