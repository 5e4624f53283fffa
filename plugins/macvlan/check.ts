/** CHECK: whether the interface is there as ADD made it, on the same master and in the same mode. */
import { RECREATE } from "../../shared/attachment/check.ts";
import { checkSubInterface } from "../../shared/attachment/sub-interface.ts";
import { checkMode } from "../../shared/attachment/sub-interface-mode.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { MacvlanMode, macvlanModeOf } from "../../shared/netlink/macvlan.ts";
import { readMacvlanConfig } from "./config.ts";

export function check(request: Request): void {
  const config = readMacvlanConfig(request);
  checkSubInterface(request, config, (link) =>
    checkMode(link, MacvlanMode, { found: macvlanModeOf(link), wanted: config.mode }, RECREATE),
  );
}
