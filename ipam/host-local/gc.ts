/**
 * GC: releases addresses whose owner is not in the runtime's list and not alive in the kernel.
 *
 * GC holds the lock only to list the owners, and again to remove each part, so that ADD hardly waits. Without the lock
 * it checks the owners. Their records may change meanwhile, so GC checks each again before it removes it.
 */

import { isAttached } from "../../shared/attachment/liveness.ts";
import { runAll } from "../../shared/cni/error.ts";
import type { AttachmentKey, Request } from "../../shared/cni/plugin.ts";
import { attachmentsToKeep } from "../../shared/cni/valid-attachments.ts";
import { LONGEST_PAUSE, lockLimit } from "../../shared/system/folder-lock.ts";
import { pause } from "../../shared/system/poll.ts";
import { storeAdvice, withAdvice } from "./advice.ts";
import { readStoreLocation, type StoreLocation } from "./configuration.ts";
import { type OwnerRecord, ownerName, recordText } from "./records.ts";
import { ownerIndexOf, Store } from "./store.ts";

/** Removals per lock: 100 take some 10 ms. */
const PART = 100;

/** Names of the owners to keep. A reservation that names only a container belongs to all its interfaces. */
function keptNames(valid: readonly AttachmentKey[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { containerId, ifname } of valid) {
    names.add(ownerName({ containerId, ifname }));
    names.add(ownerName({ containerId, ifname: "" }));
  }
  return names;
}

/** A runtime's list can be wrong. An address that is on its interface is in use and stays. */
function isInUse(record: OwnerRecord): boolean {
  return record.reservations.some(({ name }) => isAttached(record, name));
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

function findUnused(location: StoreLocation, limit: number, kept: ReadonlySet<string>): Unused[] {
  const owners = Store.use(location, limit, (store) => store.owners()) ?? [];
  const index = ownerIndexOf(location);
  const unused: Unused[] = [];
  for (const [name, read] of owners) {
    if (kept.has(name)) continue;
    const modified = index.modified(name);
    const record = read ?? index.readNamed(name);
    if (record !== undefined && !isInUse(record)) unused.push({ record, modified });
  }
  return unused;
}

/** Releases an owner's addresses, unless its record changed or its interface uses them. */
function release(store: Store, location: StoreLocation, { record, modified }: Unused): void {
  const found = store.find(record);
  if (found === undefined || ownerIndexOf(location).modified(ownerName(record)) !== modified) return;
  if (modified === undefined && recordText(found) !== recordText(record)) return;
  if (!isInUse(found)) store.releaseAll(found);
}

export function gc(request: Request): void {
  const kept = keptNames(attachmentsToKeep(request));
  const location = readStoreLocation(request.configuration);
  const limit = lockLimit(request.environment);
  withAdvice(storeAdvice(location.dataDir), () => {
    const unused = findUnused(location, limit, kept);
    const failures: (() => never)[] = [];
    const attempt = (store: Store, one: Unused) => {
      try {
        release(store, location, one);
      } catch (thrown) {
        failures.push(() => {
          throw thrown;
        });
      }
    };
    for (let start = 0; start < unused.length; start += PART) {
      // A waiting process polls the lock at least once in this time.
      if (start > 0) pause(LONGEST_PAUSE);
      Store.use(location, limit, (store) => {
        for (const one of unused.slice(start, start + PART)) attempt(store, one);
      });
    }
    runAll(failures);
  });
}
