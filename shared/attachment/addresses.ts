/** The addresses that IPAM gave, before anything is made of them. Pure. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { Result } from "../cni/result.ts";
import { formatIp } from "../ip/address.ts";
import { formatCidr, isSameCidr } from "../ip/cidr.ts";

function invalid(message: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidConfiguration, message, advice);
}

/** Throws code 7 if IPAM gave no address, one of them twice, or a gateway of the other family. */
export function refuseUnusable({ ips }: Result): void {
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
