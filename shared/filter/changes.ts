/** Messages to nf_tables for groups and elements. Pure. */
import type { NetlinkMessage } from "../netlink/message.ts";
import { deleteElements, joinFields, newElements } from "../nftables/element.ts";
import { newChain, newRule, newTable, type Table } from "../nftables/message.ts";
import { newSet } from "../nftables/set.ts";
import { type Chain, type PlacedElement, type Structure, sentinelOf, tableComments } from "./structure.ts";

/** A name that is unique in both tables. */
const placeName = ({ table, name }: { readonly table: Table; readonly name: string }) =>
  `${table.family} ${name}`;

/** The part of `whole` that comes after `start`, which `whole` begins with. */
export function beyond(whole: Structure, start: Structure): Structure {
  const sets = new Set(start.sets.map(placeName));
  const counts = new Map(start.chains.map((chain) => [placeName(chain), chain.rules.length]));
  const isNew = (chain: Chain) => chain.rules.length > (counts.get(placeName(chain)) ?? -1);
  return {
    sets: whole.sets.filter((set) => !sets.has(placeName(set))),
    chains: whole.chains
      .filter(isNew)
      .map((chain) => ({ ...chain, rules: chain.rules.slice(counts.get(placeName(chain)) ?? 0) })),
  };
}

/** Makes tables, sets with their sentinels, chains and rules. What exists stays; rules are appended. */
export function makeStructure({ sets, chains }: Structure): NetlinkMessage[] {
  const tables = new Set([...sets, ...chains].map(({ table }) => table));
  return [
    ...[...tables].map((table) => newTable(table, tableComments.get(table) ?? "")),
    ...sets.map((set, index) => newSet(set.table, set, index + 1)),
    ...sets.flatMap((set) => newElements(set.table, set.name, [sentinelOf(set)])),
    ...chains.map(({ table, name, hook }) => newChain(table, name, hook)),
    ...chains.flatMap(({ table, name, rules }) => rules.map((rule) => newRule(table, name, rule))),
  ];
}

/** By set: few messages, whatever the number of elements. */
function bySet(
  elements: readonly PlacedElement[],
  messages: (table: Table, set: string, elements: readonly PlacedElement[]) => NetlinkMessage[],
): NetlinkMessage[] {
  const groups = new Map<string, PlacedElement[]>();
  for (const element of elements) {
    const name = placeName({ table: element.table, name: element.set });
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [element]);
    else group.push(element);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : messages(first.table, first.set, group);
  });
}

/** Adds elements; refused with EEXIST where a key is there already. */
export const addElements = (elements: readonly PlacedElement[]): NetlinkMessage[] =>
  bySet(elements, (table, set, group) =>
    newElements(
      table,
      set,
      group.map(({ element }) => element),
      true,
    ),
  );

/** Removes elements; refused with ENOENT where one is missing. */
export const removeElements = (elements: readonly PlacedElement[]): NetlinkMessage[] =>
  bySet(elements, (table, set, group) =>
    deleteElements(
      table,
      set,
      group.map(({ element }) => element.key),
    ),
  );

/** Where an element is: its set and its key. */
export const elementPlace = ({ table, set, element }: PlacedElement): string =>
  `${table.family} ${set} ${String(joinFields(element.key))}`;
