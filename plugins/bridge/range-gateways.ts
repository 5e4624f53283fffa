/** The gateways of this network's ranges. With several subnets in one range set, the bridge needs the gateway of each. */
import { Fields, isObject } from "../../shared/cni/fields.ts";
import type { NetworkConfiguration } from "../../shared/cni/plugin.ts";
import { addToIp, parseIp } from "../../shared/ip/address.ts";
import { type Cidr, networkOf, parseCidr } from "../../shared/ip/cidr.ts";

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** That of a range as host-local has it; undefined for anything else, such as another IPAM plugin's range. */
function gatewayOf(range: unknown): Cidr | undefined {
  if (!isObject(range)) return undefined;
  const fields = new Fields(range);
  const subnet = parseCidr(textOf(fields.value("subnet")));
  if (subnet === undefined) return undefined;
  const address = parseIp(textOf(fields.value("gateway"))) ?? addToIp(networkOf(subnet).address, 1n);
  return { address, prefixLength: subnet.prefixLength };
}

/** As the bridge has them. Reads `ranges` of `ipam`, and the capability `ipRanges`. IPAM has validated them. */
export function rangeGateways({ raw, runtimeConfig }: NetworkConfiguration): Cidr[] {
  const ipam = new Fields(raw).value("ipam");
  const sets = isObject(ipam) ? listOf(new Fields(ipam).value("ranges")) : [];
  const all = [...sets, ...listOf(runtimeConfig.value("ipRanges"))];
  return all.flatMap(listOf).flatMap((range) => gatewayOf(range) ?? []);
}
