/** CHECK: whether what ADD made is still there and right. */
import { checkInside } from "../../shared/attachment/check-inside.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { owned, readTemplateConfig } from "./config.ts";

export function check(request: Request): void {
  readTemplateConfig(request);
  // A third argument checks what is special about the link: it throws `drift(...)` of shared/attachment/check.ts.
  checkInside(request, owned.link);
}
