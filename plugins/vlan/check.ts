/** CHECK: whether the interface is there as ADD made it, on the same master and in the same VLAN. */
import { drift, RECREATE } from "../../shared/attachment/check.ts";
import { checkSubInterface } from "../../shared/attachment/sub-interface.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { vlanIdOf } from "../../shared/netlink/vlan-device.ts";
import { readVlanConfig } from "./config.ts";

export function check(request: Request): void {
  const config = readVlanConfig(request);
  checkSubInterface(request, config, (link) => {
    const id = vlanIdOf(link);
    if (id !== config.id)
      throw drift(`the interface ${link.name} is in VLAN ${id}, expected ${config.id}`, RECREATE);
  });
}
