/** DEL: everything of the attachment goes; the overlay with the last one, if the configuration says so. */
import { runAll } from "../../shared/cni/error.ts";
import { ownPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { removeOverlayIfUnused } from "./overlay.ts";
import { removalDelegation } from "./pod.ts";

/** A configuration that has become invalid keeps no pod from being detached; the overlay stays then. */
export function configurationIfValid(request: Request): VxlanConfig | undefined {
  try {
    return readVxlanConfig(request);
  } catch {
    return undefined;
  }
}

/** Detaches the pod. Every step is tried. */
export function del(request: Request): void {
  const { type, request: made } = removalDelegation(request);
  const config = configurationIfValid(request);
  runAll([
    () => ownPlugin(request, type).del(made),
    () => {
      if (config?.keepDevice === false) removeOverlayIfUnused(config);
    },
  ]);
}
