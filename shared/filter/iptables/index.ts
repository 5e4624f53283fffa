/** The backend iptables: the rules of each call are one run of iptables-restore a family. */
import { CniError, ErrorCode, quote, runAll } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import type { Change, FilterBackend, FilterContext } from "../kernel.ts";
import { DEFAULT_MARK_BIT, type FilterRecord } from "../record.ts";
import { check, families, isOurs, purposeOf, toolsInUse } from "./check.ts";
import { KnownRules } from "./damage.ts";
import { differenceInput, projectionInput } from "./input.ts";
import { removeNatChains } from "./nat-chains.ts";
import { recoverRecords } from "./recover.ts";
import {
  findRestore,
  hostPorts,
  masquerading,
  type Purpose,
  RestoreRefused,
  requireRestore,
  runRestore,
  runSave,
  type Tool,
  type Variant,
} from "./restore.ts";
import { HOSTPORTS, ownChains, POSTROUTING, sharedRules } from "./rules.ts";
import { readSaved, type TableName } from "./saved.ts";

const variants: readonly Variant[] = ["nf_tables", "legacy"];

/** iptables-restore takes seconds for so many. It must end before it is stopped (restore.ts), on a slower machine too. */
const MOST_MAPPINGS = 10_000;

function refuseTooMany({ hostPorts: ports }: FilterRecord, family: Family): void {
  const count = ports?.mappings.filter((mapping) => mapping.family === family).length ?? 0;
  if (count <= MOST_MAPPINGS) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `${count} host ports are asked for (IPv${family}), and iptables takes ${MOST_MAPPINGS} a container at most`,
    'set "backend" to "nftables", which has no limit, or ask for fewer ports',
  );
}

function refuseMissingChain(tool: Tool, family: Family, chain: string): void {
  if (runSave(tool, "nat", hostPorts).chains.has(chain)) return;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `"externalSetMarkChain" is ${chain}, and the nat table lacks it (IPv${family})`,
    "the program that marks packets, such as kube-proxy, must make it first; or remove the key",
  );
}

/** The conditions are the one part of the rules that podwire does not make: what the tool refuses is most likely theirs. */
function blameConditions(thrown: unknown, records: readonly FilterRecord[], family: Family): unknown {
  const words = records.flatMap((record) => record.hostPorts?.conditions[family] ?? []);
  if (!(thrown instanceof RestoreRefused) || words.length === 0) return thrown;
  return new CniError(
    ErrorCode.invalidConfiguration,
    `"conditionsV${family}" makes no rule: ${quote(words.join(" "))}; ${thrown.message}`,
    `give matches as iptables takes them, and nothing else; ${thrown.details}`,
    thrown,
  );
}

function prepare(context: FilterContext, record: FilterRecord): void {
  if (!isOurs(record) || (record.masquerade ?? record.hostPorts) === undefined) return;
  const purpose = purposeOf(record);
  const used = families.filter((family) => ownChains(record, family).length > 0);
  for (const family of used.length === 0 ? [4 as const] : used) {
    refuseTooMany(record, family);
    const tool = requireRestore(family, context.environment, purpose);
    const { externalSetMarkChain: chain, conditions } = record.hostPorts ?? {};
    if (used.length === 0) continue;
    if (chain !== undefined) refuseMissingChain(tool, family, chain);
    if (conditions === undefined || conditions[family].length === 0) continue;
    try {
      // A record with conditions that make no rule would keep every projection from being made.
      const empty = readSaved("");
      runRestore(
        tool,
        projectionInput(family, [record], { nat: empty, raw: empty, mangle: empty }),
        purpose,
        "test",
      );
    } catch (thrown) {
      throw blameConditions(thrown, [record], family);
    }
  }
}

/** One call's change. */
interface Call {
  readonly context: FilterContext;
  readonly known: KnownRules;
}

/** All records but those of killed processes, whose ports or addresses another has. */
const livingRecords = (context: FilterContext): FilterRecord[] =>
  context.allRecords().filter((record) => isOurs(record) && context.holds(record));

/** Makes the rules of a family those of all records. */
function project({ context, known }: Call, tool: Tool, family: Family, purpose: Purpose): void {
  const records = livingRecords(context);
  const isUsed = (name: TableName) =>
    records.some((record) => sharedRules(record, family).some(({ table }) => table === name));
  const save = (name: TableName) =>
    name === "nat" || isUsed(name) ? runSave(tool, name, purpose) : readSaved("");
  const saved = { raw: save("raw"), mangle: save("mangle"), nat: save("nat") };
  runRestore(tool, projectionInput(family, records, saved), purpose);
  known.noteProjection(tool, family, records);
}

const markBitsOf = (records: readonly FilterRecord[], family: Family): number[] =>
  records.flatMap((record) => sharedRules(record, family).flatMap(({ markBit }) => markBit ?? []));

/** Bits of removed records that no record has any more. The usual bit keeps its rule: to ask all records takes a while. */
function unusedBits(context: FilterContext, family: Family, { removed, added }: Change): Set<number> {
  const bits = new Set(markBitsOf(removed, family));
  bits.delete(DEFAULT_MARK_BIT);
  if (bits.size === 0) return bits;
  const all = [...livingRecords(context), ...added];
  for (const bit of markBitsOf(all, family)) bits.delete(bit);
  return bits;
}

interface FamilyChange extends Change {
  readonly family: Family;
  readonly input: string;
  readonly purpose: Purpose;
}

function isAccepted(tool: Tool, input: string, purpose: Purpose): boolean {
  try {
    runRestore(tool, input, purpose);
    return true;
  } catch (thrown) {
    if (thrown instanceof RestoreRefused) return false;
    throw thrown;
  }
}

/** Makes the difference. If the tool refuses it, or nothing is known of other containers' chains, projects all records. */
function apply(call: Call, tool: Tool, { family, input, purpose, added, removed }: FamilyChange): void {
  const isPossible = added.length === 0 || call.known.isMadeBy(tool, family);
  if (isPossible && isAccepted(tool, input, purpose)) call.known.noteDifference(tool, family, removed, added);
  else project(call, tool, family, purpose);
}

/** Removes the chains from the variants that the tool does not change: it may have been another one when they were made. */
function removeElsewhere(
  context: FilterContext,
  tool: Tool | undefined,
  family: Family,
  change: Change,
): void {
  const namesOf = (records: readonly FilterRecord[]) =>
    records.flatMap((record) => ownChains(record, family).map(({ name }) => name));
  const added = new Set(namesOf(change.added));
  const chains = namesOf(change.removed).filter((name) => tool?.variant !== undefined || !added.has(name));
  const group = { bases: [POSTROUTING, HOSTPORTS], chains };
  const others = variants.filter((variant) => variant !== tool?.variant);
  runAll(others.map((variant) => () => removeNatChains(context, variant, family, [group], masquerading)));
}

function changeFamily(call: Call, family: Family, change: Change): void {
  const { context } = call;
  const input = differenceInput(family, change, unusedBits(context, family, change));
  const [record] = [...change.added, ...change.removed];
  if (input === "" || record === undefined) return;
  const purpose = purposeOf(record);
  // A removal goes on without the tool: where it is not installed, the kernel may yet have rules.
  const tool =
    change.added.length === 0
      ? findRestore(family, context.environment)
      : requireRestore(family, context.environment, purpose);
  runAll([
    () => {
      try {
        if (tool !== undefined) apply(call, tool, { ...change, family, input, purpose });
      } catch (thrown) {
        throw blameConditions(thrown, change.added, family);
      }
    },
    () => removeElsewhere(context, tool, family, change),
  ]);
}

/** Makes the rules of a family those of all records. False if none has any. */
function repairFamily(call: Call, family: Family): boolean {
  const { context, known } = call;
  const record = livingRecords(context).find((each) => ownChains(each, family).length > 0);
  if (record === undefined) known.forget(family);
  const tool = findRestore(family, context.environment);
  if (record === undefined || tool === undefined) return false;
  project(call, tool, family, purposeOf(record));
  return true;
}

/** After damage. The projection has this call's change too. If it fails, the change is tried alone, and fails for its own reasons. */
function repairAndChange(call: Call, family: Family, change: Change): void {
  let isRepaired = false;
  try {
    isRepaired = repairFamily(call, family);
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
  }
  if (!isRepaired) changeFamily(call, family, change);
  else removeElsewhere(call.context, findRestore(family, call.context.environment), family, change);
}

function change(context: FilterContext, { removed, added }: Change): void {
  const call = { context, known: new KnownRules(context) };
  // A change of nothing, which GC makes, projects all records: a rule in another one's place is not seen otherwise.
  const isRepair = removed.length + added.length === 0;
  const ours = { removed: removed.filter(isOurs), added: added.filter(isOurs) };
  // Of both families, before the first commit: it changes the generation.
  const damaged = isRepair ? [] : families.filter((family) => call.known.isDamaged(family));
  const work = isRepair ? repairFamily : changeFamily;
  try {
    runAll(
      families.map((family) => () => (damaged.includes(family) ? repairAndChange : work)(call, family, ours)),
    );
  } finally {
    call.known.write();
  }
}

/** Asked by calls that change nothing of this backend. */
function isDisturbed(context: FilterContext): boolean {
  const known = new KnownRules(context);
  return families.some((family) => known.isDamaged(family));
}

function recover(context: FilterContext): FilterRecord[] {
  const tables = families.flatMap((family) =>
    toolsInUse(context, family, [POSTROUTING, HOSTPORTS]).map((tool) => ({
      family,
      saved: runSave(tool, "nat", masquerading),
    })),
  );
  return recoverRecords(tables);
}

export const iptablesBackend: FilterBackend = { prepare, change, isDisturbed, check, recover };
