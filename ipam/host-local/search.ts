/** Searches a free address. */

import { isNetnsGone } from "../../shared/attachment/liveness.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { NetworkFolder } from "./folder.ts";
import { findCandidate, type RangeSet } from "./range.ts";
import { type OwnerRecord, placementOf } from "./records.ts";
import type { Store } from "./store.ts";

/** Up to 16 taken addresses are tried one by one; after that, the folder is listed at once. */
const PROBES = 16;

/** Returns the first address for which `attempt` succeeds, after the one handed out last. */
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

/** True if the owner's namespace is certainly gone. */
export function isNamespaceGone({ network }: Store, record: OwnerRecord): boolean {
  return isNetnsGone(
    placementOf(network, record),
    record.reservations.map(({ name }) => name),
  );
}

/**
 * Releases leaked reservations, whose namespaces are certainly gone. Used when a set is exhausted. Returns true if it
 * released any.
 */
export function releaseGone(store: Store): boolean {
  const gone = store.all().filter((record) => isNamespaceGone(store, record));
  for (const record of gone) store.releaseAll(record);
  return gone.length > 0;
}
