/** Questions about the records that there are. */

import type { AttachmentKey } from "../cni/plugin.ts";
import type { Cidr } from "../ip/cidr.ts";
import { withNetfilter } from "../netlink/netfilter.ts";
import type { FilterRecord, RecordKind } from "./record.ts";
import { isFilterUsed } from "./record-folder.ts";
import { RecordStore } from "./record-store.ts";
import { type Collection, staleIn } from "./stale.ts";

/**
 * Gives `work` the records of a kind, one after the other until it says true, while no other call changes records. False where there
 * are none. Throws codes 5 and 11.
 */
export function someRecord(
  kind: RecordKind,
  environment: Readonly<Record<string, string>>,
  work: (record: FilterRecord) => boolean,
): boolean {
  if (!isFilterUsed()) return false;
  return withNetfilter((connection) => {
    const store = new RecordStore(connection, environment);
    return store.exists && store.whileLockedToRemove(() => store.some(kind, work));
  });
}

type Environment = Readonly<Record<string, string>>;

function withStore<Value>(environment: Environment, work: (store: RecordStore) => Value): Value | undefined {
  if (!isFilterUsed()) return undefined;
  return withNetfilter((connection) => {
    const store = new RecordStore(connection, environment);
    return store.exists ? work(store) : undefined;
  });
}

/** The record of an owner, as it is now; undefined if it is missing or cannot be read. */
export const recordOf = (
  owner: AttachmentKey,
  kind: RecordKind,
  environment: Environment,
): FilterRecord | undefined => withStore(environment, (store) => store.find(owner, kind));

/** Those of the addresses that no record of another attachment of the network has. */
export const unclaimed = (
  owner: AttachmentKey,
  kind: RecordKind,
  addresses: readonly Cidr[],
  environment: Environment,
): readonly Cidr[] =>
  withStore(environment, (store) =>
    addresses.filter(
      (address) => store.holders({ owner, kind, backend: "nftables", addresses: [address] }).length === 0,
    ),
  ) ?? addresses;

/** The records of a kind: those that GC is about to remove, and those that it keeps. */
export function sortedRecords(
  collection: Collection,
  environment: Environment,
): { readonly stale: readonly FilterRecord[]; readonly kept: readonly FilterRecord[] } {
  const sort = (store: RecordStore) => {
    const all = store.all().filter(({ kind }) => kind === collection.kind);
    const isStale = staleIn(store, collection);
    return { stale: all.filter(isStale), kept: all.filter((record) => !isStale(record)) };
  };
  return withStore(environment, sort) ?? { stale: [], kept: [] };
}
