/** ADD: a container gets an interface on the bridge. */
import { attach as attachContainer } from "../../shared/attachment/attach.ts";
import { setParameters } from "../../shared/attachment/container-interface.ts";
import { applyFilters, validateFilter } from "../../shared/attachment/filter.ts";
import { enableForwarding } from "../../shared/attachment/forwarding.ts";
import type { HostChange } from "../../shared/attachment/host-change.ts";
import { allocate, needsInterface } from "../../shared/attachment/ipam.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { chooseMtu } from "../../shared/attachment/mtu.ts";
import { chooseDns, describeLink } from "../../shared/attachment/result.ts";
import { type Veth, validateNameIsFree } from "../../shared/attachment/veth.ts";
import type { Container } from "../../shared/cni/container.ts";
import { attachmentOf, type NetworkConfiguration, type Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { step } from "../../shared/cni/steps.ts";
import { isAtLeast } from "../../shared/cni/version.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import type { NetlinkConnection } from "../../shared/netlink/connection.ts";
import { findLinkByIndex, type Link, setLink } from "../../shared/netlink/link.ts";
import type { Rollback } from "../../shared/rollback.ts";
import { type Addressing, planAddressing } from "./addressing.ts";
import { announceAddresses } from "./announcement.ts";
import { BridgeLock } from "./bridge-lock.ts";
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

/** Throws what can be known to fail, before the first change. */
function validateHost(
  host: NetlinkConnection,
  container: Container,
  config: BridgeConfig,
  request: Request,
): void {
  validateNameIsFree(container, request.ifname);
  validateFilter(request, config.masquerade, config.spoofCheck);
  const bridge = findBridge(host, config.bridge);
  if (config.isGateway) findGatewayDevice(host, config, bridge);
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
  applyGateways(context, gateway, change);
  return { bridge, gateway };
}

interface Prepared {
  readonly devices: Devices;
  readonly port: Veth;
  readonly mac: Uint8Array;
}

/** Makes the port on a bridge that is as configured. From then on other ADDs see that the bridge is used. */
function preparePort(
  { request, config, container, change, lock }: Attachment,
  plan: Addressing,
  addresses: readonly Cidr[],
): Prepared {
  const { netlink } = change;
  const owner = attachmentOf(request);
  const mac = config.mac ?? containerMac(owner, addresses);
  return lock.use((note) => {
    const context = { ...change, note };
    const present = findBridge(netlink, config.bridge);
    const mtu = chooseMtu(netlink, config.mtu, addresses, present?.mtu);
    const devices = step("bridge", () => prepareHost(context, config, present, plan, request.configuration));
    return {
      devices,
      mac,
      port: createPort(change, config, { owner, bridge: devices.bridge, container, mac, mtu }),
    };
  });
}

/** For IPAM that asks on the interface itself: the port is open, with its spoof check, before there are addresses. */
function openEarly(attachment: Attachment): Prepared {
  const { request, config, container, change } = attachment;
  const prepared = preparePort(attachment, noAddressing, []);
  const { devices, port } = prepared;
  const masquerade = { ...config.masquerade, enabled: false };
  if (config.spoofCheck) filter(request, { ...config, masquerade }, port, [], change.undo);
  const inside = containerInterface(config, port, noAddressing);
  setParameters(container, inside);
  container.netlink.execute(setLink({ index: inside.index }, { up: true }));
  const isolated = { ...config, detectDuplicates: false };
  join(change.netlink, container, isolated, { bridge: devices.bridge, port: port.host }, inside);
  return prepared;
}

/** The gateway addresses of the bridge, once they are known. */
function complete(
  { request, config, change, lock }: Attachment,
  early: Prepared,
  plan: Addressing,
): Prepared {
  if (plan.gateways.length === 0) return early;
  const { netlink } = change;
  return lock.use((note) => {
    const present = findBridge(netlink, config.bridge);
    const devices = prepareHost({ ...change, note }, config, present, plan, request.configuration);
    return { ...early, devices };
  });
}

interface Attachment {
  readonly request: Request;
  readonly config: BridgeConfig;
  readonly container: Container;
  readonly change: HostChange;
  readonly lock: BridgeLock;
}

function attach(attachment: Attachment): Result {
  const { request, config, container, change, lock } = attachment;
  const { netlink, undo } = change;
  validateHost(netlink, container, config, request);
  // Whether the kernel can filter VLANs shows when the bridge is made, so that comes before IPAM.
  if (usesVlans(config.vlan)) {
    lock.use((note) => ensureBridge({ ...change, note }, config, findBridge(netlink, config.bridge)));
  }
  const early = needsInterface(request) ? openEarly(attachment) : undefined;
  const ipam = allocate(request, undo);
  const plan = request.configuration.ipamType === "" ? noAddressing : planAddressing(ipam, config);
  const addresses = plan.ips.map((ip) => ip.address);
  const prepared =
    early === undefined ? preparePort(attachment, plan, addresses) : complete(attachment, early, plan);
  const { devices, port, mac } = prepared;
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
  return attachContainer(request, (container, change) => {
    const { bridge } = config;
    const lock = new BridgeLock({ ...change, bridge, environment: request.environment });
    const result = attach({ request, config, container, change, lock });
    lock.confirm();
    return result;
  });
}
