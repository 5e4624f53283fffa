/** What a plugin does beside the rules when a record goes. */
import type { FilterRecord } from "./record.ts";
import type { RecordStore } from "./record-store.ts";

/** Told of a record that is gone, while no other call changes records. `some` asks about those of its kind that are left. */
export type Removed = (
  record: FilterRecord,
  some: (isMeant: (record: FilterRecord) => boolean) => boolean,
) => void;

export function tell(
  store: RecordStore,
  removed: Removed | undefined,
  records: readonly FilterRecord[],
): void {
  for (const record of records) removed?.(record, (isMeant) => store.some(record.kind, isMeant));
}
