/** The addresses and routes that IPAM gave: validated, and as the result and the kernel get them. Pure. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Result, ResultIp, ResultRoute } from "../cni/result.ts";
import { formatIp } from "../ip/address.ts";
import { formatCidr, isSameCidr } from "../ip/cidr.ts";
import { resolveRoutes } from "./routes.ts";

export interface Addresses {
  readonly ips: readonly ResultIp[];
  /** As IPAM gives them, for the result. */
  readonly routes: readonly ResultRoute[];
  /** With the gateway of their family where they name none, for the kernel. */
  readonly kernelRoutes: readonly ResultRoute[];
}

function invalid(message: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** Throws code 7 if IPAM gave no address, one of them twice, or a gateway of the other family. */
export function validateAddresses({ ips }: Result): void {
  if (ips.length === 0) {
    const advice = "give the ipam section a range, or remove it for a network without addresses";
    throw invalid("IPAM plugin returned missing IP config", advice);
  }
  for (const [index, { address, gateway }] of ips.entries()) {
    if (ips.findIndex((ip) => isSameCidr(ip.address, address)) !== index) {
      const message = `IPAM plugin returned the address ${formatCidr(address)} twice`;
      throw invalid(message, "an interface takes an address once");
    }
    if (gateway === undefined || gateway.family === address.address.family) continue;
    const message = `the gateway ${formatIp(gateway)} is of another family than ${formatCidr(address)}`;
    throw invalid(message, "correct the gateway that IPAM gives");
  }
}

/** Addresses and routes of an interface that is number `index` in the result. Throws code 7. */
export function planAddresses(ipam: Result, index: number): Addresses {
  validateAddresses(ipam);
  const ips = ipam.ips.map((ip) => ({ ...ip, interface: index }));
  return { ips, routes: ipam.routes, kernelRoutes: resolveRoutes(ipam.routes, ips) };
}
