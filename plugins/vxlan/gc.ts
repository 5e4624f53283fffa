/** GC: what belongs to attachments of this network that the runtime no longer knows goes. */
import { runAll } from "../../shared/cni/error.ts";
import { ownPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { configurationIfValid } from "./del.ts";
import { removeOverlayIfUnused } from "./overlay.ts";
import { removalDelegation } from "./pod.ts";

/** Collects the garbage of the request's network. Every step is tried. */
export function gc(request: Request): void {
  const { type, request: made } = removalDelegation(request);
  const config = configurationIfValid(request);
  runAll([
    () => ownPlugin(request, type).gc(made),
    () => {
      if (config?.keepDevice === false) removeOverlayIfUnused(config);
    },
  ]);
}
