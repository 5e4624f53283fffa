/** CHECK: compares the container, the bridge and the port with the result and the configuration. Reports all differences. */
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
  RECREATE,
} from "../../shared/attachment/check.ts";
import { checkFilters as checkPacketFilter } from "../../shared/attachment/filter.ts";
import { checkForwarding } from "../../shared/attachment/forwarding.ts";
import { resolveRoutes } from "../../shared/attachment/routes.ts";
import { ownedVeth } from "../../shared/attachment/veth.ts";
import { type Container, openContainer } from "../../shared/cni/container.ts";
import { delegateCheck } from "../../shared/cni/delegate.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatIp, isSameIp } from "../../shared/ip/address.ts";
import { listAddresses } from "../../shared/netlink/address.ts";
import {
  isHairpin,
  isIsolated,
  isVlanFiltering,
  listVlans,
  readPortVlans,
} from "../../shared/netlink/bridge.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { type Link, LinkFlag } from "../../shared/netlink/link.ts";
import { isAboutToForward, isForwarding } from "../../shared/netlink/spanning-tree.ts";
import { type BridgeConfig, gatewayDeviceName, readBridgeConfig } from "./config.ts";
import { findBridge } from "./device.ts";
import { findGatewayDevice } from "./gateway-device.ts";
import { portVlans, usesVlans } from "./vlan.ts";

interface Checked {
  readonly request: Request;
  readonly config: BridgeConfig;
  readonly result: Result;
  readonly attached: Attached;
  readonly host: NetlinkConnection;
}

function checkBridge({ config, result, host }: Checked): Link {
  const bridge = findBridge(host, config.bridge);
  if (bridge === undefined) throw drift(`the bridge ${config.bridge} is missing`, RECREATE);
  checkIsUp(bridge, "on the host");
  const reported = result.interfaces.find(
    (item) => item.name === config.bridge && (item.sandbox ?? "") === "",
  );
  const mac = reported?.mac?.toLowerCase();
  if (mac !== undefined && mac !== bridge.mac) {
    const advice = "pods remember the old address for some time; a network manager may have changed it";
    throw drift(`the bridge ${bridge.name} has the MAC address ${bridge.mac}, expected ${mac}`, advice);
  }
  if (config.promiscuous && (bridge.flags & LinkFlag.promiscuous) === 0 && bridge.promiscuity === 0) {
    throw drift(
      `the bridge ${bridge.name} is not promiscuous`,
      `ip link set ${bridge.name} promisc on repairs it`,
    );
  }
  return bridge;
}

function checkPort({ config, result, host }: Checked, inside: Link, bridge: Link): Link {
  const port = checkHostEnd(host, inside, result);
  const repair = `ip link set ${port.name} master ${bridge.name} repairs it; a network manager may have detached it`;
  if (port.master !== bridge.index)
    throw drift(`${port.name} is no port of the bridge ${bridge.name}`, repair);
  checkIsUp(port, "on the host");
  const states: [string, boolean, boolean][] = [
    ["hairpin", isHairpin(port), config.hairpin],
    ["isolated", isIsolated(port), config.portIsolation],
  ];
  for (const [name, is, should] of states) {
    if (is === should) continue;
    const wanted = should ? "on" : "off";
    const advice = `bridge link set dev ${port.name} ${name} ${wanted} repairs it`;
    throw drift(`the bridge port ${port.name} does not have ${name} ${wanted}`, advice);
  }
  // The port of an interface that the configuration keeps down has no carrier, and does not forward.
  if (!config.disableContainerInterface && !isForwarding(port) && !isAboutToForward(port)) {
    const advice = `bridge link show dev ${port.name} shows the state; something may have set an end of it down`;
    throw drift(`the bridge port ${port.name} does not forward`, advice);
  }
  return port;
}

function checkPortVlans({ config, host }: Checked, bridge: Link, port: Link): void {
  if (!usesVlans(config.vlan)) return;
  if (!isVlanFiltering(bridge)) {
    const advice = `ip link set ${bridge.name} type bridge vlan_filtering 1 repairs it`;
    throw drift(`the bridge ${bridge.name} does not filter VLANs: they are not apart`, advice);
  }
  const held = readPortVlans(host.dump(listVlans()), port.index);
  for (const wanted of portVlans(config.vlan)) {
    const isHeld = held.some(
      (range) =>
        range.first <= wanted.first &&
        range.last >= wanted.last &&
        range.pvid === wanted.pvid &&
        range.untagged === wanted.untagged,
    );
    if (isHeld) continue;
    const which =
      wanted.first === wanted.last ? `VLAN ${wanted.first}` : `VLANs ${wanted.first}-${wanted.last}`;
    throw drift(
      `the bridge port ${port.name} is not in ${which}`,
      `bridge vlan show dev ${port.name} shows its VLANs`,
    );
  }
}

/** The bridge itself must be in the VLAN, for its 802.1Q interface to get the frames. */
function checkOwnVlan(host: NetlinkConnection, bridge: Link, id: number): void {
  const held = readPortVlans(host.dump(listVlans()), bridge.index);
  if (held.some((range) => range.first <= id && id <= range.last)) return;
  const advice = `bridge vlan add dev ${bridge.name} vid ${id} self repairs it`;
  throw drift(`the bridge ${bridge.name} itself is not in VLAN ${id}: its gateway is cut off`, advice);
}

function checkGatewayAddresses({ config, result, attached, host }: Checked, bridge: Link): void {
  if (!config.isGateway) return;
  const device = findGatewayDevice(host, config, bridge);
  if (device === undefined)
    throw drift(`the gateway interface ${gatewayDeviceName(config)} is missing`, RECREATE);
  checkIsUp(device, "on the host");
  if (device.kind === "vlan") checkOwnVlan(host, bridge, config.vlan.id);
  const held = listAddresses(host, device.index);
  for (const { gateway, address } of ipsOf(result, attached.index)) {
    if (gateway === undefined) continue;
    const text = `${formatIp(gateway)}/${address.prefixLength}`;
    if (!held.some(({ cidr }) => isSameIp(cidr.address, gateway))) {
      const advice = `ip address add ${text} dev ${device.name} repairs it`;
      throw drift(`the gateway address ${text} is missing on ${device.name}`, advice);
    }
    checkForwarding(gateway.family, device.name);
  }
}

function checkFilters({ request, config, result, attached }: Checked, port: Link): void {
  const addresses = ipsOf(result, attached.index).map((ip) => ip.address);
  const mac = attached.reported.mac?.toLowerCase() ?? "";
  const spoofCheck = config.spoofCheck ? { spoofCheck: { port: port.name, mac } } : {};
  checkPacketFilter(request, { masquerade: config.masquerade, ...spoofCheck }, addresses);
}

function checkEverything(checked: Checked, container: Container): void {
  const { request, config, result, attached } = checked;
  const inside = checkContainerLink(container, attached.reported, ownedVeth.link);
  const { ipamType } = request.configuration;
  runAll([
    () => {
      if (!config.disableContainerInterface) checkIsUp(inside, `in ${container.namespace.path}`);
    },
    () => {
      const bridge = checkBridge(checked);
      const port = checkPort(checked, inside, bridge);
      runAll([
        () => checkPortVlans(checked, bridge, port),
        () => checkGatewayAddresses(checked, bridge),
        () => checkFilters(checked, port),
      ]);
    },
    () => checkAddresses(container, inside, ipsOf(result, attached.index)),
    () => checkRoutes(container, resolveRoutes(result.routes, ipsOf(result, attached.index))),
    () => {
      if (ipamType !== "") delegateCheck(request, ipamType);
    },
  ]);
}

/** Throws if the attachment is not as prevResult says, which has the changes of later plugins. */
export function check(request: Request): void {
  const config = readBridgeConfig(request);
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
