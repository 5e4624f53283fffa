/** CHECK: whether the interface is there as ADD made it, and in the same mode. */
import { drift } from "../../shared/attachment/check.ts";
import { checkSubInterface } from "../../shared/attachment/sub-interface.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { IpvlanMode, ipvlanModeOf } from "../../shared/netlink/ipvlan.ts";
import { readIpvlanConfig } from "./config.ts";

const nameOf = (mode: number | undefined) =>
  Object.entries(IpvlanMode).find(([, value]) => value === mode)?.[0] ?? String(mode);

export function check(request: Request): void {
  const config = readIpvlanConfig(request);
  checkSubInterface(request, config, (link) => {
    const mode = ipvlanModeOf(link);
    if (mode === config.mode) return;
    const found = `has the ipvlan mode ${nameOf(mode)}, expected ${nameOf(config.mode)}`;
    const advice = "all interfaces of a master have one mode: another network on it has another one";
    throw drift(`the interface ${link.name} ${found}`, advice);
  });
}
