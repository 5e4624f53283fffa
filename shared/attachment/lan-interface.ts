/** The container's interface on a link that has other hosts: macvlan, ipvlan, vlan, a device of the node. */
import type { Container } from "../cni/container.ts";
import { findLinkByIndex, type Link, OperationalState, setLink } from "../netlink/link.ts";
import type { Addresses } from "./addresses.ts";
import { configureInterface, setParameters, waitForDetection } from "./container-interface.ts";

/** IFF_LOWER_UP (include/uapi/linux/if.h). */
const LOWER_UP = 0x10000;

export const noAddresses: Addresses = { ips: [], routes: [], kernelRoutes: [] };

/** Frames pass: a neighbour can answer. */
export const passesFrames = ({ isUp, operationalState }: Link): boolean =>
  isUp && (operationalState === OperationalState.up || operationalState === OperationalState.unknown);

/** The same of the container's interface itself, once it is up. A network card may take seconds to find its carrier. */
export const hasCarrier = ({ netlink }: Container, { index }: Link): boolean =>
  ((findLinkByIndex(netlink, index)?.flags ?? 0) & LOWER_UP) !== 0;

/** Brings the interface up before it has addresses. */
export function bringUp(container: Container, link: Link): Link {
  const { name, index } = link;
  setParameters(container, { name, index, ips: [], routes: [], detectDuplicates: false });
  container.netlink.execute(setLink({ index }, { up: true }));
  return link;
}

/**
 * Sets up the interface. With IPv6, waits until no neighbour is found to have the address (RFC 4862), unless no frames pass: then nothing
 * can be found.
 */
export function configureOnLan(
  container: Container,
  { name, index }: Link,
  { ips, kernelRoutes }: Addresses,
  passes: () => boolean,
): void {
  if (ips.length === 0) {
    container.netlink.execute(setLink({ index }, { up: true }));
    return;
  }
  const hasIpv6 = ips.some(({ address }) => address.address.family === 6);
  const wanted = { name, index, ips, routes: kernelRoutes, detectDuplicates: hasIpv6 };
  setParameters(container, wanted);
  configureInterface(container, wanted);
  if (hasIpv6 && passes()) waitForDetection(container, wanted);
}
