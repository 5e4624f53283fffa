/** Ports on 127.0.0.1: what the kernel must be told for traffic from there to leave the node. */
import { drift } from "../../shared/attachment/check.ts";
import { CniError, causeOf, ErrorCode } from "../../shared/cni/error.ts";
import { loopback4 } from "../../shared/filter/port-entry.ts";
import type { HostPort, HostPorts } from "../../shared/filter/record.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { contains } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLinkByIndex } from "../../shared/netlink/link.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";
import { readSysctl, setSysctl } from "../../shared/system/sysctl.ts";

/** Whether the mapping is one that 127.0.0.1 leads to. The kernel routes ::1 nowhere. */
function isOnLocalhost({ family, hostIp }: HostPort): boolean {
  return family === 4 && (hostIp === undefined || contains(loopback4, hostIp));
}

/** The container's address that localhost's ports lead to; undefined if none of them does. */
export function localhostTarget({ snat, mappings, targets }: HostPorts): IpAddress | undefined {
  if (!snat || !mappings.some(isOnLocalhost)) return undefined;
  return targets.find(({ address }) => address.family === 4)?.address;
}

/** The host's interface that an address is reached by; undefined without a route to it. */
function interfaceTowards(address: IpAddress): string | undefined {
  const host = new NetlinkConnection(Protocol.route);
  try {
    const index = findOutputInterface(host, address);
    return index === undefined ? undefined : findLinkByIndex(host, index)?.name;
  } finally {
    host.close();
  }
}

const keyOf = (link: string) => `ipv4/conf/${link}/route_localnet`;

/**
 * Lets packets with a source in 127.0.0.0/8 be routed by the interface towards a container. It lets packets to
 * 127.0.0.0/8 in there, too: a rule that drops them must be in place before.
 */
export function routeLocalhost(target: IpAddress): void {
  const link = interfaceTowards(target);
  if (link === undefined) {
    const message = `there is no route on the node to the container's address ${formatIp(target)}`;
    const advice = "a plugin before portmap in the chain must connect the container to the node";
    throw new CniError(ErrorCode.internal, message, advice);
  }
  if (readSysctl(keyOf(link)) === "1") return;
  try {
    setSysctl(keyOf(link), "1");
  } catch (thrown) {
    const advice = `run: sysctl -w net.ipv4.conf.${link}.route_localnet=1, or set "snat" to false (${causeOf(thrown)})`;
    throw new CniError(ErrorCode.io, `could not make 127.0.0.1 reach containers by ${link}`, advice, thrown);
  }
}

/** Throws if routeLocalhost has been undone. */
export function checkLocalhost(target: IpAddress): void {
  const link = interfaceTowards(target);
  if (link !== undefined && readSysctl(keyOf(link)) === "1") return;
  const advice = `sysctl -w net.ipv4.conf.${link ?? "INTERFACE"}.route_localnet=1 repairs it`;
  throw drift(`route_localnet is off towards ${formatIp(target)}: 127.0.0.1 does not lead there`, advice);
}
