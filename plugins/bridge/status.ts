/** STATUS: whether an ADD could work now. */
import { validateFilter } from "../../shared/attachment/filter.ts";
import { checkSwitchable } from "../../shared/attachment/forwarding.ts";
import { checkFreePort } from "../../shared/attachment/full-bridge.ts";
import { statedFamilies } from "../../shared/attachment/stated-families.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import { ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { type BridgeConfig, readBridgeConfig } from "./config.ts";
import { findBridge } from "./device.ts";
import { findGatewayDevice } from "./gateway-device.ts";

function checkDevices(config: BridgeConfig): void {
  const host = new NetlinkConnection(Protocol.route);
  try {
    const bridge = findBridge(host, config.bridge);
    if (config.isGateway) findGatewayDevice(host, config, bridge);
    if (bridge !== undefined) checkFreePort(host, bridge, ErrorCode.notAvailable);
  } finally {
    host.close();
  }
}

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readBridgeConfig(request);
  const { ipamType, fields } = request.configuration;
  checkDevices(config);
  if (config.isGateway) checkSwitchable(statedFamilies(fields));
  validateFilter(request, config.masquerade, config.spoofCheck);
  if (ipamType !== "") delegateStatus(request, ipamType);
}
