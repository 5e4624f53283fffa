/** CHECK: whether the interface is there as ADD made it, on the same master and in the same mode. */
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import { checkSubInterface } from "../../shared/attachment/sub-interface.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { MacvlanMode, macvlanModeOf } from "../../shared/netlink/macvlan.ts";
import { readMacvlanConfig } from "./config.ts";

const nameOf = (mode: number | undefined) =>
  Object.entries(MacvlanMode).find(([, value]) => value === mode)?.[0] ?? String(mode);

export function check(request: Request): void {
  const config = readMacvlanConfig(request);
  checkSubInterface(request, config, (link) => {
    const mode = macvlanModeOf(link);
    if (mode === config.mode) return;
    const found = `has the macvlan mode ${nameOf(mode)}, expected ${nameOf(config.mode)}`;
    throw drift(`the interface ${link.name} ${found}`, RECREATE);
  });
}
