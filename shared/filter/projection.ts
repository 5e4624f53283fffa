/** The projection of records: the tables they make, as data. Pure. */
import { firewall } from "./firewall.ts";
import { hairpin } from "./hairpin.ts";
import { hostPorts } from "./host-ports.ts";
import { ingress } from "./ingress.ts";
import { masquerade } from "./masquerade.ts";
import type { FilterRecord } from "./record.ts";
import { spoofCheck } from "./spoof-check.ts";
import { type Feature, type Group, groupName, type PlacedElement, type Structure } from "./structure.ts";

/** All uses of the packet filter. A new one is one more file, and its name here. */
export const features: readonly Feature[] = [masquerade, hostPorts, hairpin, spoofCheck, firewall, ingress];

/** The groups that records need beside those given, each once, in the order of their first use. */
export function furtherGroups(groups: readonly Group[], records: readonly FilterRecord[]): Group[] {
  const known = new Set(groups.map(groupName));
  const further: Group[] = [];
  for (const record of records) {
    for (const group of features.flatMap((feature) => feature.groupsOf(record))) {
      if (known.has(groupName(group))) continue;
      known.add(groupName(group));
      further.push(group);
    }
  }
  return further;
}

/** The sets, chains and rules of groups. */
export function structureOf(groups: readonly Group[]): Structure {
  const parts = features.map((feature) => feature.structureOf(groups));
  return { sets: parts.flatMap(({ sets }) => sets), chains: parts.flatMap(({ chains }) => chains) };
}

const hasConditions = ({ hostPorts }: FilterRecord): boolean =>
  hostPorts !== undefined && hostPorts.conditions[4].length + hostPorts.conditions[6].length > 0;

/**
 * The records without those whose conditions cannot be compiled, as another version of podwire may have written them: one of them
 * would keep all others from being projected.
 */
export function projectable(records: readonly FilterRecord[]): FilterRecord[] {
  return records.filter((record) => {
    try {
      if (hasConditions(record)) structureOf(furtherGroups([], [record]));
      return true;
    } catch {
      return false;
    }
  });
}

/** The elements of a record, each once. */
export const elementsOf = (record: FilterRecord): PlacedElement[] =>
  features.flatMap((feature) => feature.elementsOf(record));
