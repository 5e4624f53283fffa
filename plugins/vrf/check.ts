/** CHECK: the interface is below the VRF device, which has its table and is up. The plugin before checks addresses and routes. */
import { requireChainedLink } from "../../shared/attachment/chained-link.ts";
import { checkIsUp, drift, RECREATE } from "../../shared/attachment/check.ts";
import { openContainer } from "../../shared/cni/container.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { readVrf } from "./config.ts";
import { findDevice } from "./device.ts";

export function check(request: Request): void {
  const config = readVrf(request);
  requirePrevResult(request);
  const container = openContainer(request);
  try {
    const link = requireChainedLink(container, request.ifname, "vrf");
    const device = findDevice(container, config);
    if (device === undefined) throw drift(`the VRF ${config.name} is missing`, RECREATE);
    if (link.master !== device.link.index)
      throw drift(`the interface ${link.name} is not below the VRF ${config.name}`, RECREATE);
    checkIsUp(device.link, `in ${container.namespace.path}`);
  } finally {
    container.close();
  }
}
