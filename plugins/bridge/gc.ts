/** GC: removes what belongs to attachments of this network that are not in cni.dev/valid-attachments. The bridge stays. */
import { collectGarbage } from "../../shared/attachment/garbage.ts";
import { ownedVeth } from "../../shared/attachment/veth.ts";
import type { Request } from "../../shared/cni/plugin.ts";

/** Collects the garbage of the request's network. */
export function gc(request: Request): void {
  collectGarbage(request, ownedVeth);
}
