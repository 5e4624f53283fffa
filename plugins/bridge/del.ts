/** DEL: everything of the attachment goes. The bridge stays. */
import { detach } from "../../shared/attachment/detach.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { rememberReported } from "./announcement.ts";

/** Detaches the container. */
export function del(request: Request): void {
  runAll([
    // First: as soon as its addresses are free, another container may get them.
    () => rememberReported(request),
    () => detach(request),
  ]);
}
