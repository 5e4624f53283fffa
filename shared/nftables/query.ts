/** Queries to nf_tables. Where the object of a query does not exist, the answer is empty. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import { getElement, type KernelElement, listElements, readElements } from "./element.ts";
import {
  getTable,
  type KernelRule,
  listChains,
  listRules,
  readRules,
  readUses,
  type Table,
} from "./message.ts";
import { isNftablesLoaded } from "./presence.ts";
import { isAbsent } from "./remove-chains.ts";
import { type KernelSet, listSets, readSets } from "./set.ts";

function orNone<Value>(ask: () => Value[]): Value[] {
  if (!isNftablesLoaded()) return [];
  try {
    return ask();
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw thrown;
  }
}

/** The rules of a chain, or of the whole table, in order. */
export function rulesOf(connection: NetlinkConnection, table: Table, chain?: string): KernelRule[] {
  return orNone(() => readRules(connection.dump(listRules(table, chain))));
}

/** How many rules each chain of a table has, and jumps to it together. */
export const chainUses = (connection: NetlinkConnection, table: Table): Map<string, number> =>
  new Map(orNone(() => readUses(connection.dump(listChains(table)), table)));

/** The sets of a table. */
export function setsIn(connection: NetlinkConnection, table: Table): KernelSet[] {
  return orNone(() => readSets(connection.dump(listSets(table))));
}

/** Whether there is a table of that name. */
export function hasTable(connection: NetlinkConnection, table: Table): boolean {
  if (!isNftablesLoaded()) return false;
  const error = connection.transact([getTable(table)])[0]?.error;
  if (error !== undefined && !isAbsent(error)) throw error;
  return error === undefined;
}

/** All elements of a set: as many as there are attachments. */
export function allElements(connection: NetlinkConnection, table: Table, set: string): KernelElement[] {
  return orNone(() => readElements(connection.dump(listElements(table, set))));
}

/** Where an element would be: its set, and the fields of its key. */
export interface ElementPlace {
  readonly set: string;
  readonly key: readonly Uint8Array[];
}

/** The elements at these places, undefined where it is missing: one round trip for all. */
export function findElements(
  connection: NetlinkConnection,
  table: Table,
  places: readonly ElementPlace[],
): (KernelElement | undefined)[] {
  if (!isNftablesLoaded()) return places.map(() => undefined);
  const answers = connection.transact(places.map(({ set, key }) => getElement(table, set, key)));
  return answers.map(({ error, bodies }) => {
    if (error !== undefined && !isAbsent(error)) throw error;
    return error === undefined ? readElements(bodies)[0] : undefined;
  });
}

export function findElement(
  connection: NetlinkConnection,
  table: Table,
  set: string,
  key: readonly Uint8Array[],
): KernelElement | undefined {
  return findElements(connection, table, [{ set, key }])[0];
}
