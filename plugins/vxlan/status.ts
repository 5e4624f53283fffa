/** STATUS: checks whether an ADD would work now. */
import { checkNode } from "../../shared/attachment/status.ts";
import { CniError, ErrorCode, runAll } from "../../shared/cni/error.ts";
import { builtinPlugin } from "../../shared/cni/main-delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { listLinks } from "../../shared/netlink/link.ts";
import { probeVxlan, readVxlan } from "../../shared/netlink/vxlan.ts";
import { Errno } from "../../shared/system/errno.ts";
import { readTextIfPresent } from "../../shared/system/file.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { findOverlayBridge } from "./device.ts";
import { planDevice } from "./device-plan.ts";
import { OverlayLock } from "./overlay-lock.ts";
import { podDelegation } from "./pod.ts";
import { readPeers } from "./reconcile.ts";
import { findUnderlay, type Underlay } from "./underlay.ts";

function unavailable(message: string, advice: string): CniError {
  return new CniError(ErrorCode.notAvailable, message, advice);
}

function checkKernel(netlink: NetlinkConnection): void {
  const refused = netlink.attempt(probeVxlan(), Errno.ERANGE, Errno.EINVAL, Errno.EOPNOTSUPP);
  if (refused?.errno !== Errno.EOPNOTSUPP) return;
  throw unavailable("this kernel has no VXLAN", "load the module vxlan, or use a kernel with CONFIG_VXLAN");
}

/** True if any UDP socket has the port. The table has it in hexadecimal, after the local address. */
function isPortTaken(port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return ["/proc/net/udp", "/proc/net/udp6"].some((path) => {
    const lines = (readTextIfPresent(path) ?? "").split("\n").slice(1);
    return lines.some((line) => (line.trim().split(/\s+/)[1] ?? "").concat(" ").endsWith(wanted));
  });
}

/** VXLAN devices share a port: if one is up, the port's socket is the kernel's. */
function checkPort(netlink: NetlinkConnection, { port }: VxlanConfig): void {
  const isOurs = listLinks(netlink).some(
    (link) => link.kind === "vxlan" && link.isUp && readVxlan(link).port === port,
  );
  if (isOurs || !isPortTaken(port)) return;
  const advice = `ss -uanp sport = :${port} shows which; give the network another "port", the same on all of its nodes`;
  throw unavailable(`the UDP port ${port} is taken on this node`, advice);
}

function checkLink({ link, choice }: Underlay): void {
  if (link.isUp) return;
  throw unavailable(`the underlay interface ${link.name} is down`, `${choice}: ip link set ${link.name} up`);
}

function checkUnderlay(netlink: NetlinkConnection, config: VxlanConfig): void {
  let underlay: Underlay;
  try {
    underlay = findUnderlay(netlink, config);
  } catch (thrown) {
    if (!(thrown instanceof CniError) || thrown.code !== ErrorCode.tryAgainLater) throw thrown;
    throw new CniError(ErrorCode.notAvailable, thrown.message, thrown.details, thrown);
  }
  checkLink(underlay);
  readPeers(config, underlay);
  const links = listLinks(netlink);
  planDevice(links, config, underlay);
  if (config.l2 !== undefined) findOverlayBridge(links, config);
}

/** Throws the errors that ADD would throw. Changes nothing. */
export function status(request: Request): void {
  const config = readVxlanConfig(request);
  checkNode("veth");
  const netlink = new NetlinkConnection(Protocol.route);
  try {
    const { type, request: made } = podDelegation(request, config);
    runAll([
      () => checkKernel(netlink),
      () => new OverlayLock(netlink, request.environment).check(),
      () => checkUnderlay(netlink, config),
      () => checkPort(netlink, config),
    ]);
    builtinPlugin(request, type).status(made);
  } finally {
    netlink.close();
  }
}
