/** STATUS: whether an ADD could work now. Changes nothing. */
import { checkNode } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { KIND, readTemplateConfig } from "./config.ts";

export function status(request: Request): void {
  readTemplateConfig(request);
  checkNode(KIND);
  delegateStatus(request, request.configuration.ipamType);
}
