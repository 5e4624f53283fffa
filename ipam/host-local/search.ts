/** The search for a free address. */

import { isNetnsGone } from "../../shared/attachment/liveness.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { NetworkFolder } from "./folder.ts";
import { findCandidate, type RangeSet } from "./range.ts";
import type { OwnerRecord } from "./records.ts";
import type { Store } from "./store.ts";

/** That many taken addresses are tried one by one; a longer run is read from the folder's listing at once. */
const PROBES = 16;

/** The first address of a set, from the one handed out last on, for which `attempt` succeeds. */
export function search(
  folder: NetworkFolder,
  set: RangeSet,
  last: string,
  attempt: (name: string) => boolean,
): IpAddress | undefined {
  let probes = 0;
  let taken: ReadonlySet<string> | undefined;
  return findCandidate(set, parseIp(last), (address) => {
    const name = formatIp(address);
    if (taken?.has(name) === true) return false;
    if (attempt(name)) return true;
    if (++probes === PROBES) taken = new Set(folder.names());
    return false;
  });
}

/** Whether the namespace of an owner is gone for certain. */
export function hasGone(record: OwnerRecord): boolean {
  return isNetnsGone(
    record,
    record.held.map(({ name }) => name),
  );
}

/**
 * Frees what was leaked: reservations whose namespace is gone for certain. For when a set has nothing left; returns
 * whether that gave anything.
 */
export function freeGone(store: Store): boolean {
  const gone = store.all().filter(hasGone);
  for (const record of gone) store.releaseAll(record);
  return gone.length > 0;
}
