/** CHECK: the result of ADD has the addresses that ADD gives today. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { ResultIp } from "../../shared/cni/result.ts";
import { formatIp, isSameIp } from "../../shared/ip/address.ts";
import { formatCidr } from "../../shared/ip/cidr.ts";
import { readStatic } from "./configuration.ts";

function difference(wanted: ResultIp, ips: readonly ResultIp[]): string | undefined {
  const found = ips.find(({ address }) => isSameIp(address.address, wanted.address.address));
  if (found === undefined) return `the address ${formatCidr(wanted.address)} is not in prevResult`;
  const { gateway } = wanted;
  // Without a configured gateway, the plugin that makes the interface may have chosen one.
  if (gateway === undefined) return undefined;
  if (found.gateway !== undefined && isSameIp(found.gateway, gateway)) return undefined;
  const other = found.gateway === undefined ? "no gateway" : `the gateway ${formatIp(found.gateway)}`;
  return `the address ${formatCidr(wanted.address)} has ${other} in prevResult, not ${formatIp(gateway)}`;
}

export function check(request: Request): void {
  const { ips } = requirePrevResult(request);
  for (const wanted of readStatic(request).ips) {
    const problem = difference(wanted, ips);
    if (problem === undefined) continue;
    const advice = "the configuration changed after ADD: run DEL and ADD, or change it back";
    throw new CniError(ErrorCode.internal, problem, advice);
  }
}
