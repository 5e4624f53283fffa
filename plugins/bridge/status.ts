/** STATUS: whether an ADD could work now. */
import { validateFilter } from "../../shared/attachment/filter.ts";
import { delegateStatus } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { NetlinkConnection, Protocol } from "../../shared/netlink/connection.ts";
import { readBridgeConfig } from "./config.ts";
import { findBridge } from "./device.ts";

/** Throws what would make ADD fail. Changes nothing. */
export function status(request: Request): void {
  const config = readBridgeConfig(request);
  const host = new NetlinkConnection(Protocol.route);
  try {
    findBridge(host, config.bridge);
  } finally {
    host.close();
  }
  const { ipamType } = request.configuration;
  validateFilter(request, config.masquerade, config.spoofCheck);
  if (ipamType !== "") delegateStatus(request, ipamType);
}
