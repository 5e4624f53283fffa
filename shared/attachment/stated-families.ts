/** The address families of the ranges in a configuration. */
import { Fields, isObject } from "../cni/fields.ts";
import type { Family } from "../ip/address.ts";
import { parseCidr } from "../ip/cidr.ts";

const subnetsOf = (range: unknown): unknown[] => (isObject(range) ? [new Fields(range).value("subnet")] : []);

const listed = (sets: unknown): unknown[] =>
  Array.isArray(sets)
    ? (sets as unknown[]).flatMap((set) => (Array.isArray(set) ? set.flatMap(subnetsOf) : subnetsOf(set)))
    : [];

const part = (fields: Fields, key: string): Fields => {
  const value = fields.value(key);
  return new Fields(isObject(value) ? value : {});
};

/** What host-local and static read: subnets, or addresses with the length of their network. */
function networksOf(ipam: Fields, runtime: Fields): unknown[] {
  if (ipam.value("type") === "host-local")
    return [ipam.value("subnet"), ...listed(ipam.value("ranges")), ...listed(runtime.value("ipRanges"))];
  const addresses = ipam.value("type") === "static" ? ipam.value("addresses") : undefined;
  return Array.isArray(addresses)
    ? addresses.map((item) => (isObject(item) ? new Fields(item).value("address") : undefined))
    : [];
}

/**
 * The families of the addresses that the configuration or the runtime gives host-local or static. Empty for another IPAM plugin: only that
 * knows what it gives. Ignores what is no range.
 */
export function statedFamilies(fields: Fields): Family[] {
  const families = new Set<Family>();
  for (const text of networksOf(part(fields, "ipam"), part(fields, "runtimeConfig"))) {
    const family = typeof text === "string" ? parseCidr(text)?.address.family : undefined;
    if (family !== undefined) families.add(family);
  }
  return [...families].sort();
}
