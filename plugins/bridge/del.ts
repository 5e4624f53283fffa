/** DEL: removes everything of the attachment. The bridge stays. */
import { detach } from "../../shared/attachment/detach.ts";
import { ownedVeth } from "../../shared/attachment/veth.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { noteReportedMac } from "./announcement.ts";

/** Detaches the container. */
export function del(request: Request): void {
  runAll([
    // First: another container may get its addresses as soon as they are free.
    () => noteReportedMac(request),
    () => detach(request, ownedVeth),
  ]);
}
