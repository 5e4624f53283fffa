/** The backend iptables: the rules of each call are one run of iptables-restore a family. */
import { CniError, runAll } from "../../cni/error.ts";
import type { Family } from "../../ip/address.ts";
import type { Change, FilterBackend, FilterContext } from "../kernel.ts";
import type { FilterRecord, RecordKind } from "../record.ts";
import { check, families, isOurs, purposeOf, toolsInUse } from "./check.ts";
import { KnownRules } from "./damage.ts";
import { FORWARD } from "./forward.ts";
import { differenceInput, projectionInput } from "./input.ts";
import { legacyTool, nftChains, removeNatChains } from "./nat-chains.ts";
import { blameConditions, prepare } from "./prepare.ts";
import { recoverRecords } from "./recover.ts";
import {
  findRestore,
  masquerading,
  type Purpose,
  RestoreRefused,
  requireRestore,
  runRestore,
  runSave,
  type Tool,
  type Variant,
} from "./restore.ts";
import { ruleText } from "./rule.ts";
import { HOSTPORTS, ownChains, POSTROUTING, sharedRules } from "./rules.ts";
import { changedTables, readSaved, type TableName } from "./saved.ts";

const variants: readonly Variant[] = ["nf_tables", "legacy"];

/** One call's change. */
interface Call {
  readonly context: FilterContext;
  readonly known: KnownRules;
}

/** All records but those of killed processes, whose ports or addresses another has. */
const livingRecords = (context: FilterContext): FilterRecord[] =>
  context.allRecords().filter((record) => isOurs(record) && context.holds(record));

/** Whether the table filter may have rules of podwire's. Starts nothing. */
const hasForward = (context: FilterContext, { variant }: Tool, family: Family): boolean =>
  variant === "nf_tables"
    ? nftChains(context, family, [FORWARD], "filter").length > 0
    : legacyTool(context, family, "filter") !== undefined;

/** Makes the rules of a family those of all records. */
function project({ context, known }: Call, tool: Tool, family: Family, purpose: Purpose): void {
  const records = livingRecords(context);
  const isUsed = (name: TableName) =>
    records.some((record) => sharedRules(record, family).some(({ table }) => table === name));
  const mayHave = (name: TableName) =>
    name === "nat" || isUsed(name) || (name === "filter" && hasForward(context, tool, family));
  const save = (name: TableName) => (mayHave(name) ? runSave(tool, name, purpose) : readSaved(""));
  const saved = { raw: save("raw"), mangle: save("mangle"), filter: save("filter"), nat: save("nat") };
  runRestore(tool, projectionInput(family, records, saved), purpose);
  known.noteProjection(tool, family, records);
}

const removableRules = (record: FilterRecord, family: Family): string[] =>
  sharedRules(record, family)
    .filter(({ isRemovable }) => isRemovable === true)
    .map(ruleText);

/** Shared rules of removed records that no record needs any more. */
function unusedRules({ some, holds }: FilterContext, family: Family, { removed }: Change): Set<string> {
  const isNeeded = (rule: string, kind: RecordKind) =>
    some(kind, (each) => isOurs(each) && holds(each) && removableRules(each, family).includes(rule));
  const unused = removed.flatMap((record) =>
    removableRules(record, family).filter((rule) => !isNeeded(rule, record.kind)),
  );
  return new Set(unused);
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

/** The shared chains that jump to those of attachments. */
const jumpChains = { nat: [POSTROUTING, HOSTPORTS], filter: [FORWARD] } as const;

/** Removes the chains from the variants that the tool does not change: it may have been another one when they were made. */
function removeElsewhere(
  context: FilterContext,
  tool: Tool | undefined,
  family: Family,
  change: Change,
): void {
  const chainsOf = (records: readonly FilterRecord[]) =>
    records.flatMap((record) => ownChains(record, family));
  const added = new Set(chainsOf(change.added).map(({ name }) => name));
  const gone = chainsOf(change.removed).filter(({ name }) => tool?.variant !== undefined || !added.has(name));
  const groups = changedTables.map((table) => ({
    table,
    bases: jumpChains[table],
    chains: gone.filter((chain) => chain.table === table).map(({ name }) => name),
  }));
  const others = variants.filter((variant) => variant !== tool?.variant);
  runAll(others.map((variant) => () => removeNatChains(context, variant, family, groups, masquerading)));
}

function changeFamily(call: Call, family: Family, change: Change): void {
  const { context } = call;
  const input = differenceInput(family, change, unusedRules(context, family, change));
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
    changedTables.flatMap((table) =>
      toolsInUse(context, family, jumpChains[table], table).map((tool) => ({
        family,
        saved: runSave(tool, table, masquerading),
      })),
    ),
  );
  return recoverRecords(tables);
}

export const iptablesBackend: FilterBackend = { prepare, change, isDisturbed, check, recover };
