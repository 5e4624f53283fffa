/**
 * GC: releases what neither the runtime nor the kernel knows any more.
 *
 * An ADD of a pod does not wait for it to think: the lock is held to see who holds addresses, and again for what is removed, a part
 * at a time. In between the owners are judged, and what they hold may change; so each is looked at once more before it goes.
 */

import { isAttached } from "../../shared/attachment/liveness.ts";
import { CniError, ErrorCode, runAll } from "../../shared/cni/error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { LONGEST_PAUSE, lockLimit } from "../../shared/system/folder-lock.ts";
import { pause } from "../../shared/system/poll.ts";
import { type Place, readPlace } from "./configuration.ts";
import { storeAdvice, withAdvice } from "./faults.ts";
import { type OwnerRecord, ownerName, recordText } from "./records.ts";
import { indexOf, Store } from "./store.ts";

type Attachments = NonNullable<Request["configuration"]["validAttachments"]>;

/** So many are removed under one lock: that takes some 10 ms. */
const PART = 100;

/** The names of the owners to keep. A reservation that names only a container belongs to any of its interfaces. */
function keptNames(valid: Attachments): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { containerId, ifname } of valid) {
    names.add(ownerName({ containerId, ifname }));
    names.add(ownerName({ containerId, ifname: "" }));
  }
  return names;
}

/** A runtime's list can be wrong; an address that is on its interface is in use, whatever the list says. */
function isInUse(record: OwnerRecord): boolean {
  return record.held.some(({ name }) => isAttached(record, name));
}

function readAttachments(request: Request): Attachments {
  const { validAttachments } = request.configuration;
  if (validAttachments !== undefined) return validAttachments;
  throw new CniError(
    ErrorCode.invalidConfiguration,
    `GC needs "cni.dev/valid-attachments"`,
    "the runtime must list the attachments to keep; an empty list keeps none",
  );
}

/** An owner that seems to be gone. */
interface Unused {
  readonly record: OwnerRecord;
  /** When its record was written: an ADD writes it again, if only with the same words. Undefined where the index cannot be written. */
  readonly modified: bigint | undefined;
}

function findUnused(place: Place, limit: number, kept: ReadonlySet<string>): Unused[] {
  const owners = Store.use(place, limit, (store) => store.owners()) ?? [];
  const index = indexOf(place);
  const unused: Unused[] = [];
  for (const [name, read] of owners) {
    if (kept.has(name)) continue;
    const modified = index.modified(name);
    const record = read ?? index.readNamed(name);
    if (record !== undefined && !isInUse(record)) unused.push({ record, modified });
  }
  return unused;
}

/** Releases what an owner holds, unless its record was written meanwhile, or it is in use. */
function release(store: Store, place: Place, { record, modified }: Unused): void {
  const found = store.find(record);
  if (found === undefined || indexOf(place).modified(ownerName(record)) !== modified) return;
  if (modified === undefined && recordText(found) !== recordText(record)) return;
  if (!isInUse(found)) store.releaseAll(found);
}

export function gc(request: Request): void {
  const kept = keptNames(readAttachments(request));
  const place = readPlace(request.configuration);
  const limit = lockLimit(request.environment);
  withAdvice(storeAdvice(place.dataDir), () => {
    const unused = findUnused(place, limit, kept);
    const failures: (() => never)[] = [];
    const attempt = (store: Store, one: Unused) => {
      try {
        release(store, place, one);
      } catch (thrown) {
        failures.push(() => {
          throw thrown;
        });
      }
    };
    for (let start = 0; start < unused.length; start += PART) {
      // Whoever waits for the lock asks for it in this time.
      if (start > 0) pause(LONGEST_PAUSE);
      Store.use(place, limit, (store) => {
        for (const one of unused.slice(start, start + PART)) attempt(store, one);
      });
    }
    runAll(failures);
  });
}
