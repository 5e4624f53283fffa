/**
 * GC: releases addresses whose owner is not in the runtime's list and not alive in the kernel.
 *
 * GC holds the lock only to list the owners, and again to remove each part, so that ADD hardly waits. Without the lock
 * it checks the owners. Their records may change meanwhile, so GC checks each again before it removes it.
 */

import { isAlive } from "../../shared/attachment/liveness.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey, Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep, isAfterList, type Kept } from "../../shared/cni/valid-attachments.ts";
import { LONGEST_PAUSE, lockLimit } from "../../shared/system/folder-lock.ts";
import { pause } from "../../shared/system/poll.ts";
import { storeAdvice, withAdvice } from "./advice.ts";
import { readStoreLocation, type StoreLocation } from "./configuration.ts";
import { type OwnerRecord, ownerName, placementOf, recordText, timeOf } from "./records.ts";
import { ownerIndexOf, Store } from "./store.ts";

/** Removals per lock: 100 take some 10 ms. */
const PART = 100;

/** An error for more owners would have the same cause, and hide it. */
const MOST_FAILURES = 5;

/** Names of the owners to keep. A reservation that names only a container belongs to all its interfaces. */
function keptNames(valid: readonly AttachmentKey[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { containerId, ifname } of valid) {
    names.add(ownerName({ containerId, ifname }));
    names.add(ownerName({ containerId, ifname: "" }));
  }
  return names;
}

/** A runtime's list can be wrong. The addresses of a living attachment are in use and stay. */
function isInUse({ network }: StoreLocation, record: OwnerRecord): boolean {
  return isAlive(
    placementOf(network, record),
    record.reservations.map(({ name }) => name),
  );
}

/** An owner that seems gone. */
interface Unused {
  readonly record: OwnerRecord;
  /**
   * When its record was written. A repeated ADD writes it again, even with the same content. Undefined if the index
   * cannot be written.
   */
  readonly modified: bigint | undefined;
}

/** Runs the work for one owner. GC goes on after a failure: an owner of whom nothing is known keeps its addresses. */
type Attempt = (work: () => void) => void;

/** Whether ADD has written the record or one of its reservations after the list was made. `modified`: of the record. */
const isNewer = (kept: Kept, { reservations }: OwnerRecord, modified: bigint | undefined): boolean =>
  [modified, ...reservations.map(timeOf)].some((time) => isAfterList(kept, time));

function findUnused(location: StoreLocation, limit: number, kept: Kept, attempt: Attempt): Unused[] {
  const names = keptNames(kept.attachments);
  const owners = Store.use(location, limit, (store) => store.owners()) ?? [];
  const index = ownerIndexOf(location);
  const unused: Unused[] = [];
  for (const [name, read] of owners) {
    if (names.has(name)) continue;
    attempt(() => {
      const modified = index.modified(name);
      const record = read ?? index.readNamed(name);
      // A scan has just written the records that it read.
      const written = read === undefined ? modified : undefined;
      if (record === undefined || isNewer(kept, record, written) || isInUse(location, record)) return;
      unused.push({ record, modified });
    });
  }
  return unused;
}

/** Releases an owner's addresses, unless its record changed or its interface uses them. */
function release(store: Store, location: StoreLocation, { record, modified }: Unused): void {
  const found = store.find(record);
  if (found === undefined || ownerIndexOf(location).modified(ownerName(record)) !== modified) return;
  if (modified === undefined && recordText(found) !== recordText(record)) return;
  if (!isInUse(location, found)) store.releaseAll(found);
}

function collect(location: StoreLocation, limit: number, kept: Kept): void {
  const failures: (() => never)[] = [];
  const attempt: Attempt = (work) => {
    try {
      work();
    } catch (thrown) {
      failures.push(() => {
        throw thrown;
      });
    }
  };
  const unused = findUnused(location, limit, kept, attempt);
  for (let start = 0; start < unused.length; start += PART) {
    // A waiting process polls the lock at least once in this time.
    if (start > 0) pause(LONGEST_PAUSE);
    Store.use(location, limit, (store) => {
      for (const one of unused.slice(start, start + PART)) attempt(() => release(store, location, one));
    });
  }
  runAll(failures.slice(0, MOST_FAILURES));
}

export function gc(request: Request): void {
  const kept = attachmentsToKeep(request);
  const location = readStoreLocation(request.configuration);
  const limit = lockLimit(request.environment);
  withAdvice(storeAdvice(location.dataDir), () => collect(location, limit, kept));
}
