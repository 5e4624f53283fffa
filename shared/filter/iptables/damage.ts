/**
 * Damage that a difference for one container does not touch: inside the chains of others. Sums of what all chains had after the last
 * change are kept, so that a call costs the same with any number of containers. Where nf_tables has had no change since, nothing is read.
 */
import { CniError } from "../../cni/error.ts";
import { isObject, parseObject } from "../../cni/fields.ts";
import type { Family } from "../../ip/address.ts";
import { isNftablesLoaded } from "../../nftables/presence.ts";
import { chainUses, rulesOf } from "../../nftables/query.ts";
import { generationOf, nextGeneration } from "../../nftables/transaction.ts";
import { bytesText } from "../../system/text.ts";
import type { FilterContext } from "../kernel.ts";
import type { FilterRecord } from "../record.ts";
import { FORWARD } from "./forward.ts";
import { localhostRules } from "./localhost.ts";
import { nftTable } from "./nat-chains.ts";
import { findRestore, masquerading, runSave, type Tool } from "./restore.ts";
import { ruleText } from "./rule.ts";
import {
  chainRules,
  HOSTPORTS,
  isOwnChain,
  isSharedChain,
  MARKED,
  ownChains,
  POSTROUTING,
  type SharedChain,
  sharedRules,
} from "./rules.ts";
import { baseTables, chainOf, changedTables, jumpOf, type SavedTable } from "./saved.ts";

/** Sums over records: of their chains (digestOf), of their jumps in either shared chain, and how many need what else is shared. */
const sums = ["digest", "masquerades", "ports", "forwards", "marked", "localhost"] as const;
type Sums = Readonly<Record<(typeof sums)[number], number>>;

/** Of a family: the sums, and the variant that has the rules; empty where the tool's name leaves it open. */
type Known = Sums & { readonly variant: string };

const NOTHING: Sums = { digest: 0, masquerades: 0, ports: 0, forwards: 0, marked: 0, localhost: 0 };

/** By chain: the number of its rules and of the jumps to it together, as the kernel counts for nf_tables. */
type Uses = ReadonlyMap<string, number>;

/** A sum modulo 2^32, to which each chain adds its own part and from which it can be taken. Names end with digits of a hash. */
function digestOf(uses: Iterable<readonly [chain: string, count: number]>): number {
  let digest = 0;
  for (const [chain, count] of uses)
    digest = (digest + Math.imul(Number.parseInt(chain.slice(-8), 16), 2 * count + 1)) >>> 0;
  return digest;
}

function sumsOf(record: FilterRecord, family: Family): Sums {
  const own = ownChains(record, family);
  const shared = sharedRules(record, family);
  const jumpsIn = (base: SharedChain) =>
    own.reduce((sum, { jumps }) => sum + jumps.filter(({ chain }) => chain === base).length, 0);
  return {
    digest: digestOf(own.map(({ name, rules, jumps }) => [name, rules.length + jumps.length])),
    masquerades: jumpsIn(POSTROUTING),
    ports: jumpsIn(HOSTPORTS),
    forwards: jumpsIn(FORWARD),
    marked: shared.some(({ chain }) => chain === MARKED) ? 1 : 0,
    localhost: shared.some((rule) => baseTables.some((table) => table === rule.table)) ? 1 : 0,
  };
}

function plus(all: Sums, one: Sums, sign: 1 | -1): Sums {
  const result = { ...all };
  for (const name of sums) result[name] = all[name] + sign * one[name];
  result.digest >>>= 0;
  return result;
}

function readKnown(value: unknown): Known | undefined {
  if (!isObject(value) || typeof value["variant"] !== "string") return undefined;
  return sums.every((name) => Number.isSafeInteger(value[name])) ? (value as unknown as Known) : undefined;
}

function readAll({ uses }: FilterContext): Record<string, unknown> {
  return parseObject(uses.read() ?? "") ?? {};
}

/** The same as the kernel counts. */
function countSaved({ chains, rules }: SavedTable): Uses {
  const counts = new Map([...chains].filter(isOwnChain).map((chain) => [chain, 0]));
  for (const rule of rules) {
    for (const chain of [chainOf(rule), jumpOf(rule) ?? ""]) {
      const count = counts.get(chain);
      if (count !== undefined) counts.set(chain, count + 1);
    }
  }
  return counts;
}

function areChainsWhole(known: Known, family: Family, present: Uses): boolean {
  const own = [...present].filter(([chain]) => isOwnChain(chain) && !isSharedChain(chain));
  const isWhole = (base: SharedChain, jumps: number) =>
    jumps === 0 || present.get(base) === jumps + chainRules(base, family).length;
  // One jump, and a rule for each bit.
  const hasMarks = known.marked === 0 || (present.get(MARKED) ?? 0) >= 2;
  // And a jump to the chain of each administrator.
  const forwards = known.forwards + chainRules(FORWARD, family).length + 1;
  const hasForwards = known.forwards === 0 || (present.get(FORWARD) ?? 0) >= forwards;
  return (
    hasMarks &&
    hasForwards &&
    isWhole(POSTROUTING, known.masquerades) &&
    isWhole(HOSTPORTS, known.ports) &&
    digestOf(own) === known.digest
  );
}

/** What the last change left, and what becomes of it in a call. Read and written once a call. */
export class KnownRules {
  readonly #context: FilterContext;
  readonly #former: number | undefined;
  readonly #families: Partial<Record<Family, Known>> = {};
  /** Of nf_tables, before this call's changes; undefined without a question. */
  #generation: number | undefined;
  /** The number of commits by this call; undefined if it cannot be told. */
  #commits: number | undefined = 0;
  #isChanged = false;

  constructor(context: FilterContext) {
    const all = readAll(context);
    this.#context = context;
    this.#former = typeof all["generation"] === "number" ? all["generation"] : undefined;
    for (const family of [4, 6] as const) {
      const known = readKnown(all[family]);
      if (known !== undefined) this.#families[family] = known;
    }
  }

  /** Whether the tool has made the chains that are known. */
  isMadeBy(tool: Tool, family: Family): boolean {
    return this.#families[family]?.variant === (tool.variant ?? "");
  }

  /** Whether another program has taken anything of the family's rules, as far as their number shows it. Changes nothing. */
  isDamaged(family: Family): boolean {
    const known = this.#families[family];
    if (known === undefined || known.masquerades + known.ports + known.forwards === 0) return false;
    return known.variant === "nf_tables"
      ? this.#isNftDamaged(known, family)
      : this.#isSavedDamaged(known, family);
  }

  #isNftDamaged(known: Known, family: Family): boolean {
    const { connection } = this.#context;
    if (!isNftablesLoaded()) return true;
    this.#generation ??= generationOf(connection);
    if (this.#generation !== undefined && this.#generation === this.#former) return false;
    const uses = changedTables
      .filter((table) => table === "nat" || known.forwards > 0)
      .flatMap((table) => [...chainUses(connection, nftTable(family, table))]);
    if (!areChainsWhole(known, family, new Map(uses))) return true;
    const isThere = ({ table, chain, comment }: (typeof localhostRules)[number]) =>
      rulesOf(connection, { ...nftTable(family), name: table }, chain).some(({ body }) =>
        bytesText(body).includes(comment),
      );
    return known.localhost > 0 && !localhostRules.every(isThere);
  }

  /** No number changes with these rules: one process lists them. */
  #isSavedDamaged(known: Known, family: Family): boolean {
    const variant = known.variant === "legacy" ? "legacy" : undefined;
    const tool = findRestore(family, this.#context.environment, variant);
    if (tool === undefined) return false;
    let saved: SavedTable;
    try {
      saved = runSave(tool, "all", masquerading);
    } catch (thrown) {
      // A projection says what is wrong, or the call goes on without one.
      if (thrown instanceof CniError) return true;
      throw thrown;
    }
    if (!areChainsWhole(known, family, countSaved(saved))) return true;
    return known.localhost > 0 && !localhostRules.every((rule) => saved.rules.includes(ruleText(rule)));
  }

  /** Of a family without records. */
  forget(family: Family): void {
    this.#isChanged ||= this.#families[family] !== undefined;
    delete this.#families[family];
  }

  /** Takes note that the tool has made a difference. */
  noteDifference(
    tool: Tool,
    family: Family,
    removed: readonly FilterRecord[],
    added: readonly FilterRecord[],
  ): void {
    const known = this.#families[family];
    if (this.#commits !== undefined) this.#commits++;
    this.#isChanged = true;
    // Of chains that are not known, a part would say less than nothing.
    if (known === undefined || !this.isMadeBy(tool, family)) return;
    const less = removed.reduce((sum: Sums, record) => plus(sum, sumsOf(record, family), -1), known);
    const all = added.reduce((sum, record) => plus(sum, sumsOf(record, family), 1), less);
    this.#families[family] = { ...all, variant: known.variant };
  }

  /** Takes note that the tool has made the rules those of all records. */
  noteProjection(tool: Tool, family: Family, records: readonly FilterRecord[]): void {
    const all = records.reduce((sum, record) => plus(sum, sumsOf(record, family), 1), NOTHING);
    this.#commits = undefined;
    this.#isChanged = true;
    this.#families[family] = { ...all, variant: tool.variant ?? "" };
  }

  /** At the end of a call, under the lock. Commits of others that came between leave the generation unknown: the next call looks. */
  write(): void {
    const before = this.#generation;
    if (!this.#isChanged && (before === undefined || before === this.#former)) return;
    let generation = this.#commits === undefined ? undefined : before;
    for (let commit = 0; generation !== undefined && commit < (this.#commits ?? 0); commit++)
      generation = nextGeneration(generation);
    const isAsMeant = generation !== undefined && generation === generationOf(this.#context.connection);
    const text = JSON.stringify({ ...this.#families, ...(isAsMeant ? { generation } : {}) });
    this.#context.uses.write(`${text}\n`);
  }
}
