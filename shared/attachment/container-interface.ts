/** The container's interface: parameters, addresses and routes, worked on from the host's namespace. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultIp } from "../cni/result.ts";
import type { Family } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { addAddress, listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { NetlinkError, type Purpose } from "../netlink/error.ts";
import { setArpNotify } from "../netlink/inet.ts";
import { setLink } from "../netlink/link.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { addRoute, type Route } from "../netlink/route.ts";
import { readSysctl, setSysctl, setSysctlIfPossible, setSysctlIfPresent } from "../system/sysctl.ts";
import { switchOnIpv6 } from "./ipv6-switch.ts";
import { refusedByKernel } from "./refused.ts";
import { connectedFirst } from "./routes.ts";

export interface ContainerInterface {
  readonly name: string;
  readonly index: number;
  readonly ips: readonly ResultIp[];
  readonly routes: readonly Route[];
  readonly detectDuplicates: boolean;
  /** The addresses make no routes: `routes` are all there are. */
  readonly withoutPrefixRoutes?: boolean;
}

/** RTNLGRP_IPV6_IFADDR. */
const IPV6_ADDRESS_EVENTS = 9;
const DETECTION_LIMIT_MILLISECONDS = 10_000;

/**
 * Sets the parameters that must be right before the interface is up. The container ignores router advertisements, which a neighbour
 * pod could send (CVE-2020-10749). The kernel announces a changed MAC address of an IPv6 address.
 */
export function setParameters(container: Container, wanted: ContainerInterface): void {
  const { name, ips, detectDuplicates } = wanted;
  container.namespace.run(() => {
    setSysctlIfPossible(`ipv6/conf/${name}/ndisc_notify`, "1");
    setSysctlIfPossible(`ipv6/conf/${name}/accept_ra`, "0");
    if (detectDuplicates) {
      setSysctlIfPresent(`ipv6/conf/${name}/accept_dad`, "1");
      setSysctlIfPossible(`ipv6/conf/${name}/enhanced_dad`, "1");
    } else setSysctlIfPossible(`ipv6/conf/${name}/accept_dad`, "0");
    if (!ips.some((ip) => ip.address.address.family === 6)) return;
    for (const each of ["lo", name]) switchOnIpv6(each);
    setSysctlIfPossible(`ipv6/conf/${name}/keep_addr_on_down`, "1");
  });
}

/**
 * Adds the addresses, brings the interface up, adds the routes and sends `more`, in one system call. The kernel will announce a changed
 * MAC address of an IPv4 address (arp_notify).
 */
export function configureInterface(
  container: Container,
  wanted: ContainerInterface,
  more: readonly NetlinkMessage[] = [],
): void {
  const { index, ips, routes, detectDuplicates, withoutPrefixRoutes = false } = wanted;
  const options = { detectDuplicates, withoutPrefixRoute: withoutPrefixRoutes };
  const addresses = ips.map((ip) => addAddress(index, ip.address, options));
  const sorted = connectedFirst(routes);
  const routing = sorted.map((route) => addRoute(index, route));
  try {
    container.netlink.execute(
      ...addresses,
      setLink({ index }, { up: true }),
      ...routing,
      setArpNotify(index, true),
      ...more,
    );
  } catch (thrown) {
    if (!(thrown instanceof NetlinkError)) throw thrown;
    const place = (messages: readonly Purpose[]) => messages.indexOf(thrown.request);
    const subject = { address: ips[place(addresses)]?.address, route: sorted[place(routing)] };
    throw refusedByKernel(thrown, wanted, subject);
  }
}

/**
 * Announces the addresses of these families, once frames pass. Writing the same MAC address again makes the kernel send gratuitous ARP
 * and unsolicited neighbour advertisements (arp_notify, ndisc_notify).
 *
 * Changing arp_notify, like any parameter, makes the kernel report its multicast groups again. A bridge that snoops on these reports
 * (RFC 4541) missed the first ones, and without them holds neighbour solicitations back.
 */
export function announce(
  { netlink }: Pick<Container, "netlink">,
  { index }: ContainerInterface,
  mac: Uint8Array,
  families: readonly Family[],
): void {
  const withArp = families.includes(4);
  netlink.execute(
    setArpNotify(index, withArp),
    setLink({ index }, { mac }),
    ...(withArp ? [] : [setArpNotify(index, true)]),
  );
}

/**
 * Does the work while the interface reports its multicast groups by MLD 1 (RFC 2710), which it does at once. With MLD 2 a report takes
 * milliseconds. A query of MLD 1 that arrives first cancels it, and the answer to that query may take ten seconds.
 */
export function withPromptReports({ namespace }: Container, name: string, work: () => void): void {
  const key = `ipv6/conf/${name}/force_mld_version`;
  const before = namespace.run(() => {
    const value = readSysctl(key);
    setSysctlIfPossible(key, "1");
    return value;
  });
  work();
  if (before !== undefined) namespace.run(() => setSysctl(key, before));
}

/** Waits until no address is tentative (RFC 4862). Throws if another node has one of them. */
export function waitForDetection(container: Container, { index, name }: ContainerInterface): void {
  const events = container.namespace.run(() => new NetlinkConnection(Protocol.route));
  try {
    events.subscribe(IPV6_ADDRESS_EVENTS);
    const deadline = Date.now() + DETECTION_LIMIT_MILLISECONDS;
    for (;;) {
      const addresses = listAddresses(container.netlink, index);
      const duplicate = addresses.find((address) => address.duplicate);
      if (duplicate !== undefined) {
        const message = `another node already has the address ${formatCidr(duplicate.cidr)} of ${name}`;
        throw new CniError(
          ErrorCode.internal,
          message,
          "find it with ndisc6 or tcpdump, or change the range",
        );
      }
      const left = deadline - Date.now();
      if (left <= 0 || !addresses.some((address) => address.tentative)) return;
      events.waitForEvents(left);
    }
  } finally {
    events.close();
  }
}
