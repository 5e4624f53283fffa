/** Removes chains that others made, with the rules that jump to them, in one atomic step. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import { NetlinkError } from "../netlink/error.ts";
import { Errno } from "../system/errno.ts";
import { bytesText, encodeText } from "../system/text.ts";
import {
  deleteChain,
  deleteRule,
  flushChain,
  getChain,
  type KernelRule,
  listRules,
  readRules,
  type Table,
} from "./message.ts";
import { isNftablesLoaded } from "./presence.ts";
import { retryCommit } from "./transaction.ts";

/** A chain, and the chains that may jump to it. */
export interface ChainPlace {
  readonly table: Table;
  readonly bases: readonly string[];
  readonly chain: string;
}

/** Nothing of that name, a name too long for one, no nf_tables (nfnetlink.c: EINVAL), or none in this family. */
const absence: readonly number[] = [
  Errno.ENOENT,
  Errno.ERANGE,
  Errno.EINVAL,
  Errno.EOPNOTSUPP,
  Errno.EAFNOSUPPORT,
];

export function isAbsent(thrown: unknown): boolean {
  return thrown instanceof NetlinkError && absence.includes(thrown.errno);
}

/** Those of the chains that exist: one round trip for all. */
export function presentChains(connection: NetlinkConnection, places: readonly ChainPlace[]): ChainPlace[] {
  if (!isNftablesLoaded()) return [];
  const answers = connection.transact(places.map(({ table, chain }) => getChain(table, chain)));
  return places.filter((_, index) => {
    const error = answers[index]?.error;
    if (error !== undefined && !isAbsent(error)) throw error;
    return error === undefined;
  });
}

/** The rules of a chain; none if the chain does not exist. */
export function rulesOfChain(connection: NetlinkConnection, table: Table, chain: string): KernelRule[] {
  if (!isNftablesLoaded()) return [];
  try {
    return readRules(connection.dump(listRules(table, chain)));
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw thrown;
  }
}

/** Whether a rule jumps to the chain: the name stands in its verdict, between the attribute's header and a NUL. */
export function jumpsTo(rule: string, chain: string): boolean {
  return rule.includes(bytesText(encodeText(`\0${chain}\0`)));
}

/** Removes those of the chains that exist. */
export function removeChains(connection: NetlinkConnection, places: readonly ChainPlace[]): void {
  // Nothing to do is the common case, and costs one round trip.
  if (presentChains(connection, places).length === 0) return;
  retryCommit(connection, () => {
    const present = presentChains(connection, places);
    // All chains are emptied before the first goes: they may jump to each other.
    return [
      ...jumpRemovals(connection, present),
      ...present.map(({ table, chain }) => flushChain(table, chain)),
      ...present.map(({ table, chain }) => deleteChain(table, chain)),
    ];
  });
}

/** The rules go by their handles, which the kernel never uses twice. */
function jumpRemovals(connection: NetlinkConnection, present: readonly ChainPlace[]) {
  const bases = new Map(
    present.flatMap(({ table, bases }) =>
      bases.map((base) => [`${table.family} ${table.name} ${base}`, { table, base }] as const),
    ),
  );
  return [...bases.values()].flatMap(({ table, base }) =>
    rulesOfChain(connection, table, base)
      .filter((rule) => {
        const text = bytesText(rule.body);
        return present.some(({ chain }) => jumpsTo(text, chain));
      })
      .map((rule) => deleteRule(table, base, rule.handle)),
  );
}
