/** ADD: a container gets an interface on the bridge. */
import {
  type ContainerInterface,
  configureInterface,
  setParameters,
  waitForDetection,
} from "../../shared/attachment/container-interface.ts";
import { enableForwarding } from "../../shared/attachment/forwarding.ts";
import { containerMac } from "../../shared/attachment/mac.ts";
import { findUplinkMtu } from "../../shared/attachment/uplink.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { delegateAdd, delegateDel } from "../../shared/cni/delegate.ts";
import { attachmentOf, type Request } from "../../shared/cni/plugin.ts";
import { emptyResult, isEmptyDns, type Result } from "../../shared/cni/result.ts";
import {
  ensureMasquerade,
  forgetAddresses,
  prepareMasquerade,
  removeMasquerade,
} from "../../shared/netfilter/masquerade.ts";
import { ensureSpoofCheck, prepareSpoofCheck, removeSpoofCheck } from "../../shared/netfilter/spoof-check.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { formatMac, type Link, setLink } from "../../shared/netlink/link.ts";
import { Rollback } from "../../shared/rollback.ts";
import { lockOwnNamespace } from "../../shared/system/lock.ts";
import { type Addressing, planAddressing } from "./addressing.ts";
import { type BridgeConfig, readBridgeConfig } from "./config.ts";
import { checkGateways, ensureBridge, ensureGateways, findBridge, type HostContext } from "./device.ts";
import { ensureGatewayDevice, findGatewayDevice } from "./gateway-device.ts";
import { announce, createPort, type Port, refuseTakenName, waitForForwarding } from "./port.ts";

const DEFAULT_MTU = 1500;
const noAddressing: Addressing = { ips: [], routes: [], kernelRoutes: [], gateways: [] };

/** Everything that can be known to be wrong before the first change. */
function refuseImpossible(
  host: NetlinkConnection,
  container: Container,
  config: BridgeConfig,
  request: Request,
): void {
  refuseTakenName(container, request.ifname);
  findBridge(host, config.bridge);
  if (config.ipMasq && request.configuration.ipamType !== "") {
    prepareMasquerade(config.masqueradeBackend, request.environment);
  }
  if (config.spoofCheck) prepareSpoofCheck();
}

/** Asks IPAM for addresses; they go back if a later step fails. */
function allocate(request: Request, undo: Rollback): Result {
  const { ipamType } = request.configuration;
  if (ipamType === "") return emptyResult;
  const result = delegateAdd(request, ipamType);
  undo.onFailure(() => delegateDel(request, ipamType));
  return result;
}

function containerInterface(config: BridgeConfig, port: Port, addressing: Addressing): ContainerInterface {
  const { name, index } = port.container;
  const { detectDuplicates } = config;
  return { name, index, ips: addressing.ips, routes: addressing.kernelRoutes, detectDuplicates };
}

/** Addresses and routes inside, or just the link up; returns when frames pass. */
function bringUp(
  context: HostContext,
  container: Container,
  config: BridgeConfig,
  port: Port,
  plan: Addressing,
): void {
  const wanted = containerInterface(config, port, plan);
  setParameters(container, wanted);
  if (config.disableContainerInterface) return;
  if (plan.ips.length > 0) configureInterface(container, wanted);
  else container.netlink.execute(setLink({ index: wanted.index }, { up: true }));
  waitForForwarding(context.netlink, port.host);
}

function applyFilters(
  request: Request,
  config: BridgeConfig,
  port: Port,
  mac: string,
  plan: Addressing,
  undo: Rollback,
): void {
  const owner = attachmentOf(request);
  const { environment } = request;
  if (config.spoofCheck) {
    undo.onFailure(() => removeSpoofCheck(owner, port.host.name));
    ensureSpoofCheck({ owner, hostInterface: port.host.name, mac });
  }
  const addresses = plan.ips.map((ip) => ip.address);
  if (!config.ipMasq) {
    forgetAddresses(addresses.map((cidr) => cidr.address));
    return;
  }
  if (addresses.length === 0) return;
  undo.onFailure(() => removeMasquerade({ owner, hasSiblings: true, environment }));
  ensureMasquerade({ owner, addresses, backend: config.masqueradeBackend, environment });
}

function buildResult(
  request: Request,
  [bridge, gatewayDevice]: readonly [Link, Link],
  port: Port,
  mac: string,
  plan: Addressing,
  ipam: Result,
): Result {
  const { configuration, netns } = request;
  const onHost = (link: Link) => ({ name: link.name, mac: link.mac, mtu: link.mtu });
  const inside = { name: port.container.name, mac, mtu: port.container.mtu, sandbox: netns };
  return {
    // The container's interface is third: CONTAINER_INTERFACE.
    interfaces: [
      onHost(bridge),
      onHost(port.host),
      inside,
      ...(gatewayDevice === bridge ? [] : [onHost(gatewayDevice)]),
    ],
    ips: plan.ips,
    routes: plan.routes,
    dns: isEmptyDns(configuration.dns) ? ipam.dns : configuration.dns,
  };
}

function attach(request: Request, config: BridgeConfig, container: Container, context: HostContext): Result {
  const { netlink, undo } = context;
  refuseImpossible(netlink, container, config, request);
  const ipam = allocate(request, undo);
  const plan = request.configuration.ipamType === "" ? noAddressing : planAddressing(ipam, config);
  const present = findBridge(netlink, config.bridge);
  const held = present === undefined ? undefined : findGatewayDevice(netlink, config, present);
  if (held !== undefined) checkGateways(netlink, held, plan.gateways, config.forceAddress);
  const mtu = config.mtu ?? findUplinkMtu(netlink) ?? present?.mtu ?? DEFAULT_MTU;

  const bridge = ensureBridge(context, config);
  let gatewayDevice = bridge;
  if (plan.gateways.length > 0) {
    gatewayDevice = ensureGatewayDevice(context, config, bridge);
    ensureGateways(context, bridge, gatewayDevice, plan.gateways, config.forceAddress);
    enableForwarding(netlink, [...new Set(plan.gateways.map((gateway) => gateway.address.family))]);
  }
  const owner = attachmentOf(request);
  const mac =
    config.mac ??
    containerMac(
      owner,
      plan.ips.map((ip) => ip.address),
    );
  const port = createPort(context, config, { owner, bridge, container, mac, mtu });
  bringUp(context, container, config, port, plan);
  applyFilters(request, config, port, formatMac(mac), plan, undo);
  if (plan.ips.length > 0) {
    announce(container, port.container.index, mac);
    if (config.detectDuplicates) waitForDetection(container, containerInterface(config, port, plan));
  }
  return buildResult(request, [bridge, gatewayDevice], port, formatMac(mac), plan, ipam);
}

/** Attaches the container. A failure at any step leaves everything as it was. */
export function add(request: Request): Result {
  const config = readBridgeConfig(request);
  const container = openContainer(request);
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
