/**
 * The nftables backend: the tables `inet podwire` and `bridge podwire` are the projection of the records. No program is run.
 *
 * A call makes its own difference in one batch, on the condition that the ruleset still has the generation that was looked at.
 * The state holds the generation after podwire's last commit. Where the kernel has the same, nothing has changed and nothing is
 * read. Where it has another, some program has changed the ruleset: then the rules and sets that all attachments share are read,
 * and if they are damaged, or the state is missing, all records are projected.
 */
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import { deleteTable, newTable } from "../nftables/message.ts";
import { isNftablesLoaded } from "../nftables/presence.ts";
import { hasTable } from "../nftables/query.ts";
import { generationOf, nextGeneration, tryCommit } from "../nftables/transaction.ts";
import { Errno } from "../system/errno.ts";
import { addElements, beyond, elementPlace, makeStructure, removeElements } from "./changes.ts";
import { describeDamage } from "./damage.ts";
import { NEXT_GC, notAsMade, refusedProjection } from "./errors.ts";
import { gateMessages, isLegacyOpen, openLegacy } from "./forward-gate.ts";
import { isPolicyUnused } from "./ingress.ts";
import type { Change, FilterBackend, FilterContext } from "./kernel.ts";
import { type Found, isOwn, isRight, lookUp } from "./look-up.ts";
import { elementsOf, features, furtherGroups, projectable, structureOf } from "./projection.ts";
import type { FilterRecord } from "./record.ts";
import { recoverRecords } from "./recover.ts";
import { readState, type State, writeState } from "./state.ts";
import { bridgeTable, inetTable, type PlacedElement } from "./structure.ts";
import { prepare } from "./trial.ts";

const LEGACY_DAMAGE =
  "the firewall: the way through the chain FORWARD is missing or changed in iptables-legacy";

/** How often a commit may be overtaken by those of other programs. */
const ATTEMPTS = 100;
/** To find so many elements one by one takes longer than to project all. */
const MOST_REMOVED = 20_000;

/** Undefined without nf_tables, which is not loaded for the question. */
const currentGeneration = (connection: NetlinkConnection): number | undefined =>
  isNftablesLoaded() ? generationOf(connection) : undefined;

/** The element that is in a place, to be removed by its key. */
const held = (found: readonly Found[]): PlacedElement[] =>
  found.filter(({ kernel }) => kernel !== undefined).map(({ placed }) => placed);

/**
 * The messages of a change. Mostly there is nothing to remove, and nothing is looked up: the kernel says when a key is taken
 * (`isTaken`). A batch without removals spares the wait described at withNetfilterLeftOpen.
 */
function difference(
  context: FilterContext,
  state: State,
  change: Change,
  isTaken: boolean,
): NetlinkMessage[] {
  const added = change.added.flatMap(elementsOf);
  const wanted = new Map(added.map((placed) => [elementPlace(placed), placed]));
  const former = lookUp(context, change.removed.flatMap(elementsOf)).filter(isOwn);
  const isKept = (found: Found) => {
    const next = wanted.get(elementPlace(found.placed));
    return next !== undefined && isRight({ ...found, placed: next });
  };
  const kept = new Set(former.filter(isKept).map(({ placed }) => elementPlace(placed)));
  const gone = new Map(held(former).map((placed) => [elementPlace(placed), placed]));
  const missing = added.filter((placed) => !kept.has(elementPlace(placed)));
  const present = isTaken ? lookUp(context, missing) : [];
  for (const placed of held(present)) gone.set(elementPlace(placed), placed);
  const groups = furtherGroups(state.groups, change.added);
  const further = beyond(structureOf([...state.groups, ...groups]), structureOf(state.groups));
  return [
    ...(groups.length === 0 ? [] : makeStructure(further)),
    ...(groups.some(({ kind }) => kind === "admin")
      ? gateMessages(context.connection, [...state.groups, ...groups])
      : []),
    ...removeElements([...gone.values()].filter((placed) => !kept.has(elementPlace(placed)))),
    ...addElements(missing),
  ];
}

/** Makes the difference. False if the kernel refuses it: something of ours is not as it should be. */
function makeDifference(
  context: FilterContext,
  state: State,
  generation: number,
  change: Change,
): boolean | "overtaken" {
  for (const isTaken of [false, true]) {
    const messages = difference(context, state, change, isTaken);
    const groups = [...state.groups, ...furtherGroups(state.groups, change.added)];
    if (messages.length === 0) {
      writeState(context, { generation, groups });
      return true;
    }
    const refusal = tryCommit(context.connection, messages, generation);
    if (refusal === undefined) {
      writeState(context, { generation: nextGeneration(generation), groups });
      if (groups.length > state.groups.length) openLegacy(context, groups);
      return true;
    }
    if (refusal.errno === Errno.ERESTART) return "overtaken";
    if (refusal.errno !== Errno.EEXIST) return false;
  }
  return false;
}

/** All elements of the records. Of two that want one place, the record with the reservation has it. */
function allElements({ holds }: FilterContext, records: readonly FilterRecord[]): PlacedElement[] {
  const elements = new Map<string, PlacedElement>();
  for (const record of records) {
    for (const placed of elementsOf(record)) {
      const place = elementPlace(placed);
      if (!elements.has(place) || holds(record)) elements.set(place, placed);
    }
  }
  return [...elements.values()];
}

/** Replaces our tables by the projection of all records, in one batch. Throws what the kernel refuses. */
export function projectAll(context: FilterContext): void {
  const { connection } = context;
  const records = projectable(context.allRecords());
  const groups = furtherGroups([], records);
  const structure = structureOf(groups);
  const elements = allElements(context, records);
  for (let attempt = 1; ; attempt++) {
    const generation = currentGeneration(connection) ?? 0;
    const old = [inetTable, bridgeTable].filter((table) => hasTable(connection, table));
    const messages = [
      // Made first: the removal of a table that is gone by then would fail the batch.
      ...old.flatMap((table) => [newTable(table, ""), deleteTable(table)]),
      ...makeStructure(structure),
      ...addElements(elements),
      ...gateMessages(connection, groups),
    ];
    if (messages.length === 0) {
      writeState(context, { generation, groups });
      return;
    }
    const refusal = tryCommit(connection, messages, generation);
    if (refusal === undefined) {
      writeState(context, { generation: nextGeneration(generation), groups });
      openLegacy(context, groups);
      return;
    }
    if (refusal.errno !== Errno.ERESTART || attempt === ATTEMPTS) throw refusedProjection(refusal, attempt);
  }
}

/** Whether a record has anything for this backend. */
const concerns = (record: FilterRecord): boolean =>
  features.some((feature) => feature.groupsOf(record).length > 0);

const isIntact = (context: FilterContext, { generation, groups }: State, current: number): boolean =>
  (generation === current || describeDamage(context.connection, groups) === undefined) &&
  isLegacyOpen(context, groups);

function change(context: FilterContext, wanted: Change): void {
  const own = { removed: wanted.removed.filter(concerns), added: wanted.added.filter(concerns) };
  if (own.removed.length + own.added.length === 0) {
    if (isDisturbed(context)) projectAll(context);
    return;
  }
  const count = own.removed.reduce((sum, record) => sum + elementsOf(record).length, 0);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const generation = currentGeneration(context.connection);
    // Without nf_tables there is nothing to remove.
    if (generation === undefined && own.added.length === 0) return;
    const state = readState(context);
    if (state === undefined || generation === undefined || count > MOST_REMOVED) break;
    if (isPolicyUnused(context, own)) break;
    if (!isIntact(context, state, generation)) break;
    const outcome = makeDifference(context, state, generation, own);
    if (outcome === true) return;
    if (outcome === false) break;
  }
  projectAll(context);
}

/**
 * Projects all records if the rules are damaged, were made for groups that no record has, or an element is missing or changed.
 * The last is looked for here alone: it takes a question for each element.
 */
export function repair(context: FilterContext): void {
  const generation = currentGeneration(context.connection);
  if (generation === undefined) return;
  const state = readState(context);
  const records = projectable(context.allRecords());
  const groups = state?.groups ?? [];
  const isUsed = groups.length === furtherGroups([], records).length;
  const isRepaired =
    state !== undefined &&
    isUsed &&
    isIntact(context, state, generation) &&
    lookUp(context, allElements(context, records)).every(isRight);
  if (!isRepaired) projectAll(context);
}

/** Asked by calls that change nothing of this backend. */
function isDisturbed(context: FilterContext): boolean {
  const state = readState(context);
  if (state === undefined || state.groups.length === 0) return false;
  const generation = currentGeneration(context.connection);
  return generation !== undefined && !isIntact(context, state, generation);
}

function check(context: FilterContext, record: FilterRecord): void {
  if (!concerns(record)) return;
  const { owner } = record;
  const state = readState(context);
  if (state === undefined) {
    throw notAsMade(owner, "the records of the packet filter are missing below /run/podwire/filter");
  }
  if (state.generation !== generationOf(context.connection)) {
    const damage = describeDamage(context.connection, state.groups);
    if (damage !== undefined) throw notAsMade(owner, damage);
  }
  if (!isLegacyOpen(context, state.groups)) throw notAsMade(owner, LEGACY_DAMAGE);
  const wrong = lookUp(context, elementsOf(record)).find((found) => !isRight(found));
  if (wrong === undefined) return;
  const problem =
    wrong.kernel === undefined ? "is missing in" : "leads elsewhere, or is another container's, in";
  const { what, set } = wrong.placed;
  throw notAsMade(owner, `${what} ${problem} the set ${set} of the table podwire`, NEXT_GC);
}

export const nftablesBackend: FilterBackend = {
  prepare,
  change,
  isDisturbed,
  check,
  recover: recoverRecords,
};
