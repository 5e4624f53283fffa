/** The result of a lease. */
import type { Result } from "../../../shared/cni/result.ts";
import type { Terms } from "./terms.ts";

export function resultOf({ address, gateway, routes, dns }: Terms, priority: number): Result {
  return {
    interfaces: [],
    ips: [gateway === undefined ? { address } : { address, gateway }],
    routes: priority === 0 ? routes : routes.map((route) => ({ ...route, priority })),
    dns,
  };
}
