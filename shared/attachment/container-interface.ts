/** The container's interface: parameters, addresses and routes, worked on from the host's namespace. */
import type { Container } from "../cni/container.ts";
import { CniError, ErrorCode } from "../cni/error.ts";
import type { ResultIp } from "../cni/result.ts";
import type { Family } from "../ip/address.ts";
import { formatCidr } from "../ip/cidr.ts";
import { addAddress, listAddresses } from "../netlink/address.ts";
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";
import { setArpNotify } from "../netlink/inet.ts";
import { setLink } from "../netlink/link.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { addRoute, type Route } from "../netlink/route.ts";
import { hasSysctl, setSysctl, setSysctlIfPresent } from "../system/sysctl.ts";

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
 * The parameters that must be right before the interface is up: router advertisements of a neighbour pod are
 * not believed (CVE-2020-10749), and neighbours are told of a changed IPv6 address. Of a changed IPv4 address:
 * configureInterface.
 */
export function setParameters(container: Container, wanted: ContainerInterface): void {
  const { name, ips, detectDuplicates } = wanted;
  container.namespace.run(() => {
    setSysctlIfPresent(`ipv6/conf/${name}/ndisc_notify`, "1");
    setSysctlIfPresent(`ipv6/conf/${name}/accept_ra`, "0");
    setSysctlIfPresent(`ipv6/conf/${name}/accept_dad`, detectDuplicates ? "1" : "0");
    if (detectDuplicates) setSysctlIfPresent(`ipv6/conf/${name}/enhanced_dad`, "1");
    if (ips.some((ip) => ip.address.address.family === 6)) switchOnIpv6(name);
  });
}

function switchOnIpv6(name: string): void {
  if (!hasSysctl("ipv6")) {
    const advice = "boot it without ipv6.disable=1, or take the IPv6 range out of the network";
    throw new CniError(
      ErrorCode.internal,
      "the kernel has no IPv6, and the network has IPv6 addresses",
      advice,
    );
  }
  for (const each of ["lo", name]) setSysctl(`ipv6/conf/${each}/disable_ipv6`, "0");
  setSysctl(`ipv6/conf/${name}/keep_addr_on_down`, "1");
}

/**
 * Adds the addresses, brings the interface up, adds the routes and does what `more` says, in one system call. Neighbours are
 * told of what changes afterwards.
 */
export function configureInterface(
  container: Container,
  wanted: ContainerInterface,
  more: readonly NetlinkMessage[] = [],
): void {
  const { index, ips, routes, detectDuplicates, withoutPrefixRoutes = false } = wanted;
  const options = { detectDuplicates, withoutPrefixRoute: withoutPrefixRoutes };
  container.netlink.execute(
    ...ips.map((ip) => addAddress(index, ip.address, options)),
    setLink({ index }, { up: true }),
    // A route that names its link must come before the ones whose gateway it leads to.
    ...[...routes]
      .sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
      .map((route) => addRoute(index, route)),
    setArpNotify(index, true),
    ...more,
  );
}

/**
 * Tells the neighbours who has the addresses of these families now, once frames pass. Writing the MAC address, the same
 * one, makes the kernel send gratuitous ARP and unsolicited neighbour advertisements (arp_notify, ndisc_notify).
 */
export function announce(
  container: Container,
  { index }: ContainerInterface,
  mac: Uint8Array,
  families: readonly Family[],
): void {
  if (families.length === 0) return;
  const written = setLink({ index }, { mac });
  const isWithArp = families.includes(4);
  container.netlink.execute(
    ...(isWithArp ? [written] : [setArpNotify(index, false), written, setArpNotify(index, true)]),
  );
}

/** Waits until no address is tentative. Throws if another node has one of them. */
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
