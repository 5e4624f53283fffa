/** GC: removes attachments of this network that are not in cni.dev/valid-attachments. */
import { runAll } from "../../shared/cni/error.ts";
import { builtinPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { configurationIfValid } from "./del.ts";
import { removeOverlayIfUnused } from "./overlay.ts";
import { removalDelegation } from "./pod.ts";
import { repairGuard } from "./repair-guard.ts";

/** Collects the garbage of the request's network. Goes through all steps after an error. */
export function gc(request: Request): void {
  const { type, request: made } = removalDelegation(request);
  const config = configurationIfValid(request);
  runAll([
    () => builtinPlugin(request, type).gc(made),
    () => {
      if (config?.keepDevice === false) removeOverlayIfUnused(config, request.environment);
    },
    () => repairGuard(config),
  ]);
}
