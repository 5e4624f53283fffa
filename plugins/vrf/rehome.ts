/**
 * An interface joins a VRF device, or leaves it. The kernel takes it down and up for that: it loses its routes, and its IPv6 addresses
 * unless keep_addr_on_down is set (net/ipv6/addrconf.c). Both are put back, the routes in the other table.
 */
import { waitForDetection } from "../../shared/attachment/container-interface.ts";
import { connectedFirst } from "../../shared/attachment/routes.ts";
import type { Container } from "../../shared/cni/container.ts";
import { type IpAddress, isLinkLocal, isSameIp } from "../../shared/ip/address.ts";
import { addAddress, type InterfaceAddress, listAddresses } from "../../shared/netlink/address.ts";
import { type Link, setLink } from "../../shared/netlink/link.ts";
import { addRoute, type KernelRoute, listRoutes } from "../../shared/netlink/route.ts";
import { Errno } from "../../shared/system/errno.ts";

export const MAIN_TABLE = 254;
/** RTPROT_KERNEL: the kernel makes such a route by itself, for an address. */
const BY_KERNEL = 2;

export interface Place {
  /** The index of the VRF device; 0 for none. */
  readonly master: number;
  readonly table: number;
}

/**
 * The routes of the interface in a table that it would lose. Two interfaces with routes to one network share them in IPv6, with the source
 * address of one of them: that is left out for the other.
 */
function lastingRoutes(
  { netlink }: Container,
  { index }: Link,
  table: number,
  addresses: readonly InterfaceAddress[],
): KernelRoute[] {
  const isOwn = (source: IpAddress) => addresses.some(({ cidr }) => isSameIp(cidr.address, source));
  return ([4, 6] as const)
    .flatMap((family) => listRoutes(netlink, { family, index, table }))
    .filter(({ protocol }) => protocol !== BY_KERNEL)
    .map((route) =>
      route.source === undefined || isOwn(route.source) ? route : { ...route, source: undefined },
    );
}

/** What an interface would lose. */
export interface Belongings {
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly KernelRoute[];
}

/** The IPv6 addresses of the interface, and its routes in a table. */
export function belongingsOf(container: Container, link: Link, table: number): Belongings {
  const all = listAddresses(container.netlink, link.index);
  return {
    addresses: all.filter(({ cidr: { address } }) => address.family === 6 && !isLinkLocal(address)),
    routes: connectedFirst(lastingRoutes(container, link, table, all)),
  };
}

/** Moves the interface, and gives it back what it had. The kernel takes all that can be taken in one system call. */
export function rehome(
  container: Container,
  { index, name }: Link,
  { addresses, routes }: Belongings,
  { master, table }: Place,
): void {
  const { netlink } = container;
  // IPv6 takes no source address that is still tentative, as one that was kept may be for a moment.
  const isLate = ({ destination }: KernelRoute) => destination.address.family === 6;
  const mustWait = routes.some((route) => isLate(route) && route.source !== undefined);
  const added = (some: readonly KernelRoute[]) =>
    some.map((route) => addRoute(index, { ...route, table }, "replace"));
  netlink.execute(
    setLink({ index }, { master }),
    ...addresses.map(({ cidr, withoutPrefixRoute }) => ({
      ...addAddress(index, cidr, { detectDuplicates: false, withoutPrefixRoute }),
      dispensable: Errno.EEXIST,
    })),
    ...added(mustWait ? routes.filter((route) => !isLate(route)) : routes),
  );
  if (!mustWait) return;
  waitForDetection(container, { index, name, ips: [], routes: [], detectDuplicates: false });
  netlink.execute(...added(routes.filter(isLate)));
}
