/**
 * What plugins ask of the packet filter. A record is on disk before its rules are in the kernel, and until they are gone, so rules
 * without a record are impossible.
 */
import { runAll } from "../cni/error.ts";
import type { AttachmentKey } from "../cni/plugin.ts";
import type { Kept } from "../cni/valid-attachments.ts";
import type { IpAddress } from "../ip/address.ts";
import { withNetfilterLeftOpen } from "../netlink/netfilter.ts";
import { contextOf, resolve, type Wanted } from "./choice.ts";
import type { Change, FilterContext } from "./kernel.ts";
import { backends, mend } from "./mend.ts";
import { projectAll, repair } from "./nftables.ts";
import { type FilterRecord, type RecordKind, recordName } from "./record.ts";
import { isFilterUsed } from "./record-folder.ts";
import { RecordStore } from "./record-store.ts";
import { collectReference, removeReference } from "./reference/index.ts";
import { type Removed, tell } from "./removed.ts";
import { type Collection, staleIn } from "./stale.ts";
import { withOptionalState } from "./state.ts";
import { recordsInTheWay, type Taking } from "./taking.ts";

type Environment = Readonly<Record<string, string>>;

interface Host {
  readonly context: FilterContext;
  readonly store: RecordStore;
}

/** The sockets of removals stay open until the process ends: withNetfilterLeftOpen says why. */
function withHost<Value>(environment: Environment, work: (host: Host) => Value): Value {
  return withNetfilterLeftOpen((connection) => {
    const store = new RecordStore(connection, environment);
    return work({ store, context: contextOf(connection, store, environment) });
  });
}

/** Both backends: a record may come with another one than it had. A projection of all leaves out what is removed. */
function applyChange(context: FilterContext, change: Change): void {
  const { removed, added } = change;
  const names = new Set(removed.map(({ owner, kind }) => recordName(owner, kind)));
  for (const { owner, kind } of added) names.delete(recordName(owner, kind));
  const isLeft = ({ owner, kind }: FilterRecord) => !names.has(recordName(owner, kind));
  const base = added.length === 0 ? withOptionalState(context) : context;
  const without: FilterContext = {
    ...base,
    allRecords: () => context.allRecords().filter(isLeft),
    some: (kind, test) => context.some(kind, (record) => isLeft(record) && test(record)),
  };
  runAll(backends.map((backend) => () => backend.change(without, change)));
}

/** The records of both backends in one for each owner and kind. */
function recovered(context: FilterContext): FilterRecord[] {
  const records = new Map<string, FilterRecord>();
  for (const record of backends.flatMap((backend) => backend.recover(context))) {
    const name = recordName(record.owner, record.kind);
    records.set(name, { ...records.get(name), ...record });
  }
  return [...records.values()];
}

/** Writes the records of owners that have rules in the kernel and no record. */
function recoverMissing({ context, store }: Host): void {
  const known = store.all();
  const names = new Set(known.map(({ owner, kind }) => recordName(owner, kind)));
  for (const record of recovered(context)) {
    if (!names.has(recordName(record.owner, record.kind))) store.write(record);
  }
  if (store.readState() !== undefined) return;
  // A recovery that was killed has left a record without its reservations.
  const isUnreserved = (record: FilterRecord) => !store.holds(record) && store.holders(record).length === 0;
  for (const record of known.filter(isUnreserved)) store.write(record);
}

/**
 * Where the state is missing, the records were deleted, or none was ever written. Then the kernel may know more. The projection
 * writes the state, and replaces what a saved ruleset may have brought back. Returns whether the state was missing.
 */
function recoverIfLost(host: Host): boolean {
  if (host.store.readState() !== undefined) return false;
  recoverMissing(host);
  projectAll(withOptionalState(host.context));
  return true;
}

/** The records in whose place a new one came. */
export interface Replaced {
  /** The owner's own. */
  readonly former: FilterRecord | undefined;
  /** Of dead containers. */
  readonly stale: readonly FilterRecord[];
}

function replace(
  host: Host,
  record: FilterRecord,
  stale: readonly FilterRecord[],
  taking: Taking | undefined,
): Replaced {
  const { context, store } = host;
  const former = store.find(record.owner, record.kind);
  const removed = [...(former === undefined ? [] : [former]), ...stale];
  try {
    store.write(record);
    applyChange(context, { removed, added: [record] });
    for (const each of stale) store.remove(each);
    tell(store, taking?.removed, removed);
    return { former, stale };
  } catch (thrown) {
    takeBack(host, [record, ...(former === undefined ? [] : [former])]);
    throw thrown;
  }
}

/** Removes what may have been made. The error that made this necessary is the one to report. */
function takeBack({ context, store }: Host, records: readonly FilterRecord[]): void {
  try {
    applyChange(context, { removed: records, added: [] });
    for (const record of records) store.remove(record);
  } catch {
    // The record stays: DEL and GC find by it what is left.
  }
}

/**
 * Puts what is wanted into the kernel, in place of what the owner had. What dead containers have of it goes. A failure leaves
 * nothing of the owner. Throws CniError. `taking` is for host ports; an address of the network is always the caller's.
 */
export function applyFilter(wanted: Wanted, environment: Environment, taking?: Taking): Replaced {
  return withHost(environment, (host) => {
    const record = resolve(host.context, wanted);
    return host.store.whileLocked(() => {
      const isRecovered = recoverIfLost(host);
      const stale = recordsInTheWay(host.store, record, taking, isRecovered);
      return replace(host, record, stale, taking);
    });
  });
}

/**
 * For an attachment that wants no rules: what it had, or what a dead container left at its addresses, goes. `wanted` names the
 * addresses. Returns the removed records.
 */
export function clearFilter(wanted: Wanted, environment: Environment, taking?: Taking): FilterRecord[] {
  if (!isFilterUsed()) return [];
  return withHost(environment, (host) => {
    const { context, store } = host;
    const probe: FilterRecord = { ...wanted, backend: "nftables" };
    if (!store.exists) return [];
    if (
      store.written(wanted.owner, wanted.kind) === undefined &&
      recordsInTheWay(store, probe, taking).length === 0
    ) {
      mend(context, store);
      return [];
    }
    return store.whileLocked(() => {
      const former = store.find(wanted.owner, wanted.kind);
      const removed = [...(former === undefined ? [] : [former]), ...recordsInTheWay(store, probe, taking)];
      applyChange(context, { removed, added: [] });
      for (const each of removed) store.remove(each);
      tell(store, taking?.removed, removed);
      return removed;
    });
  });
}

/** The record of an owner. Where the records were deleted, or its file cannot be read, it comes from the kernel. */
function findRecord(host: Host, owner: AttachmentKey, kind: RecordKind): FilterRecord | undefined {
  const { store } = host;
  recoverIfLost(host);
  const record = store.find(owner, kind);
  if (record !== undefined || store.written(owner, kind) === undefined) return record;
  return ofOwner(fromKernel(host), owner, kind);
}

function ofOwner({ context }: Host, owner: AttachmentKey, kind: RecordKind): FilterRecord | undefined {
  const name = recordName(owner, kind);
  return context.allRecords().find((each) => recordName(each.owner, each.kind) === name);
}

/** The records as read from the kernel, if files cannot be read: a projection of no records would remove the rules of all. */
function fromKernel({ context, store }: Host): Host {
  const records = recovered(context);
  const some: FilterContext["some"] = (kind, test) =>
    records.some((record) => record.kind === kind && test(record));
  return { store, context: { ...context, allRecords: () => records, some } };
}

/** Whether there can be rules of the owner: its record exists, or records were deleted while the kernel has rules. */
function mayHaveRules({ context, store }: Host, owner: AttachmentKey, kind: RecordKind): boolean {
  if (store.exists && store.readState() !== undefined) return store.written(owner, kind) !== undefined;
  return store.exists || recovered(context).length > 0;
}

/**
 * Removes the rules of an owner, then its record. What is gone already is fine. Returns the record that there was.
 * `reference`: also what the reference plugins made, if the owner has no record; `hasSiblings`: whether the container has
 * another interface on this network, with which it shares what those made; `addresses`: the attachment's, if they are known.
 */
export function removeFilter(
  owner: AttachmentKey,
  kind: RecordKind,
  environment: Environment,
  reference: { readonly hasSiblings: boolean; readonly addresses?: readonly IpAddress[] },
  removed?: Removed,
): FilterRecord | undefined {
  return withHost(environment, (host) => {
    const { context, store } = host;
    let record: FilterRecord | undefined;
    if (mayHaveRules(host, owner, kind)) {
      store.whileLockedToRemove((hasRecords) => {
        const known = hasRecords ? host : fromKernel(host);
        record = hasRecords ? findRecord(host, owner, kind) : ofOwner(known, owner, kind);
        if (record !== undefined) applyChange(known.context, { removed: [record], added: [] });
        if (record !== undefined) store.remove(record);
        store.removeFile(owner, kind);
        if (record !== undefined) tell(store, removed, [record]);
      });
    } else mend(context, store);
    if (record === undefined)
      removeReference(context, owner, kind, reference.hasSiblings, reference.addresses);
    return record;
  });
}

/** For GC: removes what belongs to attachments of the network that are not kept. Every step is tried. */
export function collectFilter(
  network: string,
  kept: Kept,
  kind: RecordKind,
  environment: Environment,
  removed?: Removed,
): void {
  withHost(environment, (host) => {
    runAll([
      () => collectRecords(host, { network, kept, kind }, removed),
      () => collectReference(host.context, network, kept.attachments, kind),
    ]);
  });
}

function collectRecords(host: Host, collection: Collection, removed: Removed | undefined): void {
  const { store } = host;
  if (!store.exists && recovered(host.context).length === 0) return;
  store.whileLockedToRemove((hasRecords) => {
    const { context } = hasRecords ? host : fromKernel(host);
    if (hasRecords) recoverMissing(host);
    const stale = context.allRecords().filter(staleIn(store, collection));
    applyChange(context, { removed: stale, added: [] });
    for (const record of stale) {
      store.remove(record);
      tell(store, removed, [record]);
    }
    if (!hasRecords) return;
    store.tidy();
    repair(withOptionalState(context));
  });
}
