/** STATUS: whether an ADD could work now. */
import { bridgeLock } from "../../shared/attachment/bridge-lock.ts";
import { checkFilterNow } from "../../shared/attachment/filter.ts";
import { checkSwitchable } from "../../shared/attachment/forwarding.ts";
import { checkFreePort } from "../../shared/attachment/full-bridge.ts";
import { checkIpv6Switch } from "../../shared/attachment/ipv6-switch.ts";
import { statedFamilies } from "../../shared/attachment/stated-families.ts";
import { checkNode } from "../../shared/attachment/status.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import { ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Family } from "../../shared/ip/address.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { filtersVlans } from "../../shared/netlink/probe-vlan-filtering.ts";
import { checkLock } from "../../shared/system/lock-status.ts";
import { type BridgeConfig, gatewayDeviceName, readBridgeConfig } from "./config.ts";
import { findBridge, noVlanFiltering } from "./device.ts";
import { findGatewayDevice } from "./gateway-device.ts";
import { usesVlans } from "./vlan.ts";

function checkDevices(config: BridgeConfig, { environment }: Request): void {
  const host = new NetlinkConnection(Protocol.route);
  try {
    checkLock(bridgeLock(host, config.bridge, environment));
    const bridge = findBridge(host, config.bridge);
    if (config.isGateway) findGatewayDevice(host, config, bridge);
    const canFilter = filtersVlans(host);
    if (usesVlans(config.vlan) && !canFilter) throw noVlanFiltering(ErrorCode.notAvailable);
    if (bridge !== undefined) checkFreePort(host, bridge, ErrorCode.notAvailable);
  } finally {
    host.close();
  }
}

function checkGateway(config: BridgeConfig, families: readonly Family[]): void {
  if (families.includes(6)) checkIpv6Switch(gatewayDeviceName(config));
  checkSwitchable(families);
}

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readBridgeConfig(request);
  const { ipamType, fields } = request.configuration;
  checkNode("veth");
  checkDevices(config, request);
  if (config.isGateway) checkGateway(config, statedFamilies(fields));
  checkFilterNow(request, config.masquerade, config.spoofCheck);
  if (ipamType !== "") delegateStatus(request, ipamType);
}
