/** Questions about the records that there are. */
import { withNetfilter } from "../netlink/netfilter.ts";
import type { FilterRecord, RecordKind } from "./record.ts";
import { isFilterUsed } from "./record-folder.ts";
import { RecordStore } from "./record-store.ts";

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
