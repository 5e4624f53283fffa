/** STATUS: what limits of the configuration itself need of the kernel. Those that a container asks for may never come. */
import { checkKind } from "../../shared/attachment/missing-kind.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { readBandwidth } from "./config.ts";

export function status(request: Request): void {
  const { egress } = readBandwidth(request);
  if (egress !== undefined) checkKind("ifb");
}
