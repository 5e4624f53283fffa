/** ADD: a container gets an interface on the bridge. */
import { applyFilters, validateFilter } from "../../shared/attachment/filter.ts";
import { enableForwarding } from "../../shared/attachment/forwarding.ts";
import { allocate } from "../../shared/attachment/ipam.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { chooseMtu } from "../../shared/attachment/mtu.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { type Veth, validateNameIsFree } from "../../shared/attachment/veth.ts";
import { type Container, openContainerExclusively } from "../../shared/cni/container.ts";
import { attachmentOf, type NetworkConfiguration, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { isAtLeast } from "../../shared/cni/version.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { findLinkByIndex, type Link } from "../../shared/netlink/link.ts";
import { Rollback } from "../../shared/rollback.ts";
import { lockOwnNamespace } from "../../shared/system/lock.ts";
import { type Addressing, planAddressing } from "./addressing.ts";
import { announceAddresses } from "./announcement.ts";
import { type BridgeConfig, readBridgeConfig } from "./config.ts";
import { ensureBridge, findBridge, type HostContext } from "./device.ts";
import { ensureGatewayDevice, findGatewayDevice } from "./gateway-device.ts";
import { applyGateways, familiesOf, planGateways } from "./gateways.ts";
import { containerInterface, join, prepareInside } from "./join.ts";
import { createPort } from "./port.ts";
import { usesVlans } from "./vlan.ts";

const noAddressing: Addressing = { ips: [], routes: [], kernelRoutes: [], gateways: [] };

interface Devices {
  readonly bridge: Link;
  /** Where the gateway addresses are: the bridge, or a VLAN's interface. */
  readonly gateway: Link;
}

/** Throws what can be known to fail, before the first change. Returns the bridge if it exists. */
function validateHost(
  host: NetlinkConnection,
  container: Container,
  config: BridgeConfig,
  request: Request,
): Link | undefined {
  validateNameIsFree(container, request.ifname);
  validateFilter(request, config.masquerade, config.spoofCheck);
  const bridge = findBridge(host, config.bridge);
  if (config.isGateway) findGatewayDevice(host, config, bridge);
  return bridge;
}

function filter(
  request: Request,
  config: BridgeConfig,
  port: Veth,
  addresses: readonly Cidr[],
  undo: Rollback,
): void {
  const spoofCheck = { spoofCheck: { port: port.host.name, mac: port.container.mac } };
  const wanted = { masquerade: config.masquerade, ...(config.spoofCheck ? spoofCheck : {}) };
  applyFilters(request, wanted, addresses, undo);
}

function buildResult(request: Request, devices: Devices, port: Veth, plan: Addressing, ipam: Result): Result {
  const { bridge, gateway } = devices;
  return {
    // The container's interface is third: CONTAINER_INTERFACE.
    interfaces: [
      describeLink(bridge),
      describeLink(port.host),
      describeLink(port.container, request.netns),
      ...(gateway === bridge ? [] : [describeLink(gateway)]),
    ],
    ips: plan.ips,
    routes: plan.routes,
    dns: chooseDns(request, ipam),
  };
}

/** The bridge with its gateway addresses. */
function prepareHost(
  context: HostContext,
  config: BridgeConfig,
  present: Link | undefined,
  plan: Addressing,
  network: NetworkConfiguration,
): Devices {
  const { netlink } = context;
  const held = config.isGateway ? findGatewayDevice(netlink, config, present) : undefined;
  const change = planGateways(netlink, held, plan.gateways, config.forceAddress, network);
  const bridge = ensureBridge(context, config, present);
  if (plan.gateways.length === 0) return { bridge, gateway: bridge };
  const gateway = ensureGatewayDevice(context, config, bridge);
  applyGateways(context, bridge, gateway, change);
  return { bridge, gateway };
}

function attach(request: Request, config: BridgeConfig, container: Container, context: HostContext): Result {
  const { netlink, undo } = context;
  let present = validateHost(netlink, container, config, request);
  // Whether the kernel can filter VLANs shows when the bridge is made, so that comes before IPAM.
  if (usesVlans(config.vlan)) present = ensureBridge(context, config, present);
  const ipam = allocate(request, undo);
  const plan = request.configuration.ipamType === "" ? noAddressing : planAddressing(ipam, config);
  const addresses = plan.ips.map((ip) => ip.address);
  const mtu = chooseMtu(netlink, config.mtu, addresses, present?.mtu);
  const devices = step("bridge", () => prepareHost(context, config, present, plan, request.configuration));
  const owner = attachmentOf(request);
  const mac = config.mac ?? containerMac(owner, addresses);
  const wanted = { owner, bridge: devices.bridge, container, mac, mtu };
  const port = createPort(context, config, wanted);
  const inside = containerInterface(config, port, plan);
  step("inside", () => prepareInside(container, config, inside));
  filter(request, config, port, addresses, undo);
  step("join", () => join(netlink, container, config, { ...devices, port: port.host }, inside));
  // Late, as it is for the whole node and is not taken back.
  enableForwarding(netlink, familiesOf(plan.gateways));
  announceAddresses(container, inside, mac, devices.bridge);
  return buildResult(request, withCurrentMtu(netlink, devices, request), port, plan, ipam);
}

/** A bridge takes the smallest MTU of its ports. Results have it since 1.1.0. */
function withCurrentMtu(host: NetlinkConnection, devices: Devices, { configuration }: Request): Devices {
  const { bridge, gateway } = devices;
  if (!isAtLeast(configuration.cniVersion, "1.1.0")) return devices;
  const current = findLinkByIndex(host, bridge.index) ?? bridge;
  return { bridge: current, gateway: gateway === bridge ? current : gateway };
}

/** Attaches the container. A failure at any step leaves everything as it was. */
export function add(request: Request): Result {
  const config = readBridgeConfig(request);
  const container = openContainerExclusively(request);
  const context = {
    netlink: new NetlinkConnection(Protocol.route),
    undo: new Rollback(),
    lock: lockOwnNamespace(),
  };
  try {
    const result = attach(request, config, container, context);
    context.undo.commit();
    return result;
  } finally {
    context.undo.run();
    context.lock.release();
    context.netlink.close();
    container.close();
  }
}
