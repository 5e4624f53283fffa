/** ADD: repairs this node's overlay if needed, and attaches the pod. */
import { openContainer } from "../../shared/cni/container.ts";
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { builtinPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { contains, formatCidr } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { Rollback } from "../../shared/rollback.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { Overlay } from "./overlay.ts";
import { podDelegation } from "./pod.ts";

/** Other nodes only have routes to this node's subnets. */
function validateAddresses({ l3 }: VxlanConfig, { ips }: Result): void {
  if (l3 === undefined) return;
  const foreign = ips.find(({ address }) => !l3.subnets.some((subnet) => contains(subnet, address.address)));
  if (foreign === undefined) return;
  const message = `IPAM gave the address ${formatCidr(foreign.address)}, which is not in this node's l3.subnets`;
  const advice = "other nodes could not reach it: remove the ranges from ipam, or correct them";
  throw new CniError(ErrorCode.invalidConfiguration, message, advice);
}

function attach(request: Request, config: VxlanConfig, netlink: NetlinkConnection, undo: Rollback): Result {
  const { environment, configuration } = request;
  const overlay = new Overlay({ change: { netlink, undo }, config, raw: configuration.raw, environment });
  const underlay = step("overlay", () => overlay.ensure());
  const { type, request: made } = podDelegation(request, config, underlay.mtu);
  const plugin = builtinPlugin(request, type);
  const result = step(`${type} ADD`, () => plugin.add(made));
  undo.onFailure(() => plugin.del({ ...made, command: "DEL" }));
  validateAddresses(config, result);
  overlay.ensureAgain();
  overlay.confirm();
  return result;
}

/** Attaches the pod. If a step fails, pod, device and peers are as before. */
export function add(request: Request): Result {
  const config = readVxlanConfig(request);
  // Opens the container first: without it, no overlay is needed.
  openContainer(request).close();
  const netlink = new NetlinkConnection(Protocol.route);
  const undo = new Rollback();
  try {
    const result = attach(request, config, netlink, undo);
    undo.commit();
    return result;
  } finally {
    undo.run();
    netlink.close();
  }
}
