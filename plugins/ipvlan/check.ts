/** CHECK: whether the interface is there as ADD made it, and in the same mode. */

import { checkSubInterface } from "../../shared/attachment/sub-interface.ts";
import { checkMode } from "../../shared/attachment/sub-interface-mode.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { IpvlanMode, ipvlanModeOf } from "../../shared/netlink/ipvlan.ts";
import { readIpvlanConfig } from "./config.ts";

export function check(request: Request): void {
  const config = readIpvlanConfig(request);
  const advice = "all interfaces of a master have one mode: another network on it has another one";
  checkSubInterface(request, config, (link) =>
    checkMode(link, IpvlanMode, { found: ipvlanModeOf(link), wanted: config.mode }, advice),
  );
}
