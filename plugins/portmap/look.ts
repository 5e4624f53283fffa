/** CHECK and STATUS: whether the ports are forwarded, and whether they could be. Nothing is changed. */
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { checkAny, withBackend } from "./adaptors.ts";
import { backendOf, type PortmapConfig } from "./config.ts";
import { emptyForwarding, forwardingOf } from "./request.ts";

/** Throws unless the ports of the request lead to the addresses of the result. */
export function checkPorts(request: Request, config: PortmapConfig, result: Result): void {
  checkAny(backendOf(config), forwardingOf(request, config, result), request.environment);
}

/** Throws what would keep ADD from working. */
export function checkReadiness(request: Request, config: PortmapConfig): void {
  withBackend(backendOf(config), request.environment, (adaptor, host) =>
    adaptor.prepare(host, emptyForwarding(request, config)),
  );
}
