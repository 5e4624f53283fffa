/** CHECK: compares both ends with the result and the configuration. Reports all differences. */
import {
  type Attached,
  checkAddresses,
  checkContainerLink,
  checkHostEnd,
  checkIsUp,
  checkRoutes,
  drift,
  findReported,
  ipsOf,
} from "../../shared/attachment/check.ts";
import { checkFilters } from "../../shared/attachment/filter.ts";
import { checkForwarding } from "../../shared/attachment/forwarding.ts";
import { ownedVeth } from "../../shared/attachment/veth.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { delegateCheck } from "../../shared/cni/delegate.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatIp, type IpAddress, isSameIp } from "../../shared/ip/address.ts";
import { formatCidr, hostCidr } from "../../shared/ip/cidr.ts";
import { listAddresses } from "../../shared/netlink/address.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import type { Link } from "../../shared/netlink/link.ts";
import { listNeighbours } from "../../shared/netlink/neighbour.ts";
import { findOutputInterface } from "../../shared/netlink/route-lookup.ts";
import { familiesOf, gatewaysOf, planRoutes, type RoutedIp, withGateways } from "./addressing.ts";
import { type PtpConfig, readPtpConfig } from "./config.ts";

function checkGatewayAddresses(host: NetlinkConnection, end: Link, gateways: readonly IpAddress[]): void {
  const held = listAddresses(host, end.index);
  const missing = gateways.filter((gateway) => !held.some(({ cidr }) => isSameIp(cidr.address, gateway)));
  if (missing.length === 0) return;
  const texts = missing.map((gateway) => formatCidr(hostCidr(gateway)));
  const advice = `${texts.map((text) => `ip address add ${text} dev ${end.name}`).join("; ")} repairs it`;
  throw drift(`missing on ${end.name}: the gateway address ${texts.join(", ")}`, advice);
}

/** A lookup: it also finds a route that hides the right one. */
function checkHostRoute(host: NetlinkConnection, end: Link, address: IpAddress): void {
  if (findOutputInterface(host, address) === end.index) return;
  const text = formatCidr(hostCidr(address));
  const advice = `ip route replace ${text} dev ${end.name} repairs it`;
  throw drift(`the node's route to ${text} does not lead to ${end.name}`, advice);
}

/** The kernel renews other entries, but a permanent one that is wrong stays wrong. */
function checkNeighbours(
  connection: NetlinkConnection,
  link: Link,
  peer: Link,
  addresses: readonly IpAddress[],
): void {
  for (const { address, mac, isPermanent } of listNeighbours(connection, link.index)) {
    if (!isPermanent || mac === peer.mac || !addresses.some((each) => isSameIp(each, address))) continue;
    const text = formatIp(address);
    const advice = `ip neighbour delete ${text} dev ${link.name} repairs it`;
    throw drift(`on ${link.name} the neighbour ${text} has the MAC address ${mac}, not ${peer.mac}`, advice);
  }
}

function checkHostSide(host: NetlinkConnection, end: Link, ips: readonly RoutedIp[]): void {
  runAll([
    () => checkIsUp(end, "on the host"),
    () => checkGatewayAddresses(host, end, gatewaysOf(ips)),
    ...ips.map((ip) => () => checkHostRoute(host, end, ip.address.address)),
    ...familiesOf(ips).map((family) => () => checkForwarding(family, end.name)),
  ]);
}

interface Checked {
  readonly request: Request;
  readonly config: PtpConfig;
  readonly result: Result;
  readonly attached: Attached;
  readonly host: NetlinkConnection;
}

function checkEverything({ request, config, result, attached, host }: Checked, container: Container): void {
  const ips = withGateways(ipsOf(result, attached.index));
  const addresses = ips.map((ip) => ip.address);
  const inside = checkContainerLink(container, attached.reported, ownedVeth.link);
  runAll([
    () => checkIsUp(inside, `in ${container.namespace.path}`),
    () => {
      const end = checkHostEnd(host, inside, result);
      const own = addresses.map((cidr) => cidr.address);
      runAll([
        () => checkHostSide(host, end, ips),
        () => checkNeighbours(host, end, inside, own),
        () => checkNeighbours(container.netlink, inside, end, gatewaysOf(ips)),
      ]);
    },
    () => checkFilters(request, config, addresses),
    () => checkAddresses(container, inside, ips),
    () => checkRoutes(container, planRoutes(ips, result.routes)),
    () => delegateCheck(request, request.configuration.ipamType),
  ]);
}

/** Throws if the attachment is not as prevResult says, which has the changes of later plugins. */
export function check(request: Request): void {
  const config = readPtpConfig(request);
  const result = requirePrevResult(request);
  const attached = findReported(result, request.ifname);
  const container = openContainer(request);
  const host = new NetlinkConnection(Protocol.route);
  try {
    checkEverything({ request, config, result, attached, host }, container);
  } finally {
    host.close();
    container.close();
  }
}
