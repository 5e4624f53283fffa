/** What iptables-restore is given: one call's difference, everything, or the question whether a record's rules are there. Pure. */
import type { Family } from "../../ip/address.ts";
import type { Change } from "../kernel.ts";
import type { FilterRecord } from "../record.ts";
import { adminChains } from "./forward.ts";
import { addition, type OwnChain, type Rule, ruleText, type SharedRule } from "./rule.ts";
import { chainRules, isOwnChain, ownChains, sharedChains, sharedRules } from "./rules.ts";
import {
  type baseTables,
  type ChangedTable,
  chainOf,
  jumpOf,
  restoreInput,
  type SavedTable,
  type TableName,
} from "./saved.ts";

const declaration = (chain: string): string => `:${chain} - [0:0]`;

function neededRules(records: readonly FilterRecord[], family: Family): SharedRule[] {
  const rules = records.flatMap((record) => sharedRules(record, family));
  return [...new Map(rules.map((rule) => [`${rule.table} ${ruleText(rule)}`, rule])).values()];
}

/** Of the tables that have rules of built-in chains alone. */
const forBase = <Value>(make: (table: (typeof baseTables)[number]) => Value) => ({
  raw: make("raw"),
  mangle: make("mangle"),
});
const forChanged = <Value>(make: (table: ChangedTable) => Value) => ({
  filter: make("filter"),
  nat: make("nat"),
});

const inTable = <Kind extends Rule>(rules: readonly Kind[], table: Rule["table"]): Kind[] =>
  rules.filter((rule) => rule.table === table);

/**
 * The input that replaces the removed records' rules with the added ones', if everything is as it should be; else
 * iptables-restore refuses it. Empty if nothing changes. `unused`: texts of shared rules that no record needs any more.
 */
export function differenceInput(
  family: Family,
  { removed, added }: Change,
  unused: ReadonlySet<string>,
): string {
  const gone = removed.flatMap((record) => ownChains(record, family));
  const come = added.flatMap((record) => ownChains(record, family));
  if (gone.length + come.length === 0) return "";
  const names = new Set(come.map(({ name }) => name));
  const shared = neededRules([...removed, ...added], family);
  const of = (chains: readonly OwnChain[], table: ChangedTable) =>
    chains.filter((own) => own.table === table);
  return restoreInput({
    ...forBase((table) => inTable(shared, table).map((rule) => `-C ${ruleText(rule)}`)),
    ...forChanged((table) => [
      ...inTable(shared, table).map(
        (rule) => `${unused.has(ruleText(rule)) ? "-D" : "-C"} ${ruleText(rule)}`,
      ),
      // A declaration empties a chain that exists. One that is to be removed must exist.
      ...new Set(of([...gone, ...come], table).map(({ name }) => declaration(name))),
      ...of(gone, table).flatMap(({ jumps }) => jumps.map((rule) => `-D ${ruleText(rule)}`)),
      ...new Set(
        of(gone, table)
          .filter(({ name }) => !names.has(name))
          .map(({ name }) => `-X ${name}`),
      ),
      ...of(come, table).flatMap(({ rules, jumps }) => [...rules, ...jumps].map(addition)),
    ]),
  });
}

/** A jump of a built-in chain is right if it is there once. Any other rule that jumps to a chain of podwire is not. */
function repairJumps(wanted: readonly SharedRule[], saved: SavedTable, isKept: (chain: string) => boolean) {
  const found = saved.rules.filter((rule) => isOwnChain(jumpOf(rule) ?? "") && !isOwnChain(chainOf(rule)));
  const count = new Map<string, number>();
  for (const rule of found) count.set(rule, (count.get(rule) ?? 0) + 1);
  const texts = new Set(wanted.map(ruleText));
  const isRight = (rule: string) => texts.has(rule) && count.get(rule) === 1 && isKept(jumpOf(rule) ?? "");
  return [
    ...found.filter((rule) => !isRight(rule)).map((rule) => `-D ${rule}`),
    ...wanted.filter((rule) => !isRight(ruleText(rule))).map(addition),
  ];
}

/** What a projection makes. */
interface Projected {
  readonly own: readonly OwnChain[];
  readonly needed: readonly SharedRule[];
  /** Of records: they are not podwire's, and must exist. */
  readonly admins: ReadonlySet<string>;
}

/** The lines of a table with chains of attachments. */
function projectionOf(
  table: ChangedTable,
  family: Family,
  { own: all, needed: shared, admins }: Projected,
  saved: SavedTable,
): string[] {
  const own = all.filter((chain) => chain.table === table);
  const needed = inTable(shared, table);
  const used = new Set(needed.flatMap((rule) => [rule.chain, jumpOf(rule.spec) ?? ""]));
  const kept = sharedChains[table].filter((chain) => used.has(chain) || saved.chains.has(chain));
  const names = new Set<string>([...kept, ...own.map(({ name }) => name)]);
  const stale = [...saved.chains].filter((chain) => isOwnChain(chain) && !names.has(chain));
  const rules = kept.flatMap((chain) => chainRules(chain, family));
  const [inside, jumps] = [true, false].map((isInside) =>
    rules.filter(({ chain }) => isOwnChain(chain) === isInside),
  ) as [SharedRule[], SharedRule[]];
  const known = new Set(rules.map(ruleText));
  const further = needed.filter((rule) => !known.has(ruleText(rule)));
  const missing = [...admins].filter((chain) => used.has(chain) && !saved.chains.has(chain));
  return [
    ...[...names, ...stale, ...missing].map(declaration),
    ...repairJumps(jumps, saved, (chain) => names.has(chain)),
    ...stale.map((chain) => `-X ${chain}`),
    ...[...inside, ...further].map(addition),
    ...own.flatMap(({ rules: each, jumps: to }) => [...each, ...to].map(addition)),
  ];
}

/**
 * The input that makes the rules those of the records and of nothing else, whatever podwire has in the tables. Shared
 * chains that no record needs are made whole if they exist. Empty if there is nothing to do.
 */
export function projectionInput(
  family: Family,
  records: readonly FilterRecord[],
  saved: Readonly<Record<TableName, SavedTable>>,
): string {
  const projected = {
    own: records.flatMap((record) => ownChains(record, family)),
    needed: neededRules(records, family),
    admins: new Set(records.flatMap(adminChains)),
  };
  const present = forBase((table) => new Set(saved[table].rules));
  return restoreInput({
    ...forBase((table) =>
      inTable(projected.needed, table)
        .filter((rule) => !present[table].has(ruleText(rule)))
        .map(addition),
    ),
    ...forChanged((table) => projectionOf(table, family, projected, saved[table])),
  });
}

/** One line of a question, and what is missing if iptables-restore refuses it. */
export interface Question {
  readonly line: string;
  readonly missing: string;
  /** Whether it asks for what attachments share. */
  readonly isShared?: true;
}

/**
 * The lines that are refused if a rule of the record, or one that it shares, is missing. With `isTest` the input is for
 * iptables-legacy-restore --test: rules are removed, and a chain that is not empty then has a rule too many.
 */
export function questionsOf(record: FilterRecord, family: Family, isTest: boolean): Question[] {
  const own = ownChains(record, family);
  if (own.length === 0) return [];
  const shared = sharedRules(record, family);
  const plain = (line: string): Question => ({ line, missing: "" });
  const sharedQuestions = (table: Rule["table"]) =>
    inTable(shared, table).map((rule) => ({
      line: `-C ${ruleText(rule)}`,
      missing: `the rule "${rule.comment}" of the chain ${rule.chain} is missing`,
      isShared: true as const,
    }));
  const verb = isTest ? "-D" : "-C";
  const ownQuestions = ({ name, rules, jumps }: OwnChain): Question[] => [
    ...[...jumps, ...rules].map((rule) => ({
      line: `${verb} ${ruleText(rule)}`,
      missing: `a rule of the chain ${rule.chain} is missing or changed: ${rule.spec.replace(/ -m comment --comment "podwire [^"]*"/, "")}`,
    })),
    ...(isTest ? [{ line: `-X ${name}`, missing: tooMany(name) }] : []),
  ];
  const all = {
    ...forBase(sharedQuestions),
    ...forChanged((table) => [
      ...sharedQuestions(table),
      ...own.filter((chain) => chain.table === table).flatMap(ownQuestions),
    ]),
  };
  return Object.entries(all).flatMap(([table, questions]) =>
    questions.length === 0 ? [] : [plain(`*${table}`), ...questions, plain("COMMIT")],
  );
}

export const tooMany = (chain: string): string => `the chain ${chain} has a rule that podwire did not make`;
