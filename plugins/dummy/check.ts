/** CHECK: whether the interface is there with its addresses and routes, and IPAM knows them. */
import { checkInside } from "../../shared/attachment/check-inside.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { owned, readDummyConfig } from "./config.ts";

export function check(request: Request): void {
  readDummyConfig(request);
  checkInside(request, owned.link);
}
