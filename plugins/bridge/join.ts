/** The container's side of ADD, and the opening of the port. */
import {
  type ContainerInterface,
  configureInterface,
  setParameters,
  waitForDetection,
} from "../../shared/attachment/container-interface.ts";
import type { Veth } from "../../shared/attachment/veth.ts";
import type { Container } from "../../shared/cni/container.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { setArpNotify } from "../../shared/netlink/inet.ts";
import { type Link, setLink } from "../../shared/netlink/link.ts";
import type { Addressing } from "./addressing.ts";
import type { BridgeConfig } from "./config.ts";
import { openPort, waitForForwarding } from "./port.ts";

/** The addresses, routes and settings of the container's interface. */
export function containerInterface(config: BridgeConfig, port: Veth, plan: Addressing): ContainerInterface {
  const { name, index } = port.container;
  const { detectDuplicates } = config;
  return { name, index, ips: plan.ips, routes: plan.kernelRoutes, detectDuplicates };
}

/**
 * Configures the interface and brings it up while the port is closed: the bridge would copy to every port what an interface sends when
 * it comes up. Duplicate address detection needs answers, so with it the interface stays down.
 */
export function prepareInside(container: Container, config: BridgeConfig, wanted: ContainerInterface): void {
  setParameters(container, wanted);
  if (config.disableContainerInterface) container.netlink.execute(setArpNotify(wanted.index, true));
  else if (!config.detectDuplicates) configureInterface(container, wanted);
}

/**
 * Opens the port. Returns when frames pass and, with duplicate address detection, no other node has the addresses. A slow spanning tree
 * is not waited for.
 */
export function join(
  netlink: NetlinkConnection,
  container: Container,
  config: BridgeConfig,
  { bridge, port }: { readonly bridge: Link; readonly port: Link },
  wanted: ContainerInterface,
): void {
  openPort(netlink, port);
  if (config.disableContainerInterface) return;
  if (config.detectDuplicates) container.netlink.execute(setLink({ index: wanted.index }, { up: true }));
  waitForForwarding(netlink, bridge, port);
  if (!config.detectDuplicates) return;
  configureInterface(container, wanted);
  if (wanted.ips.length > 0) waitForDetection(container, wanted);
}
