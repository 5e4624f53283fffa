/** The records that GC removes. */
import { isOfNetwork, ownerComment } from "../cni/attachment.ts";
import { isAfterList, type Kept } from "../cni/valid-attachments.ts";
import { type FilterRecord, type RecordKind, recordName } from "./record.ts";
import type { RecordStore } from "./record-store.ts";

export interface Collection {
  readonly network: string;
  readonly kept: Kept;
  readonly kind: RecordKind;
}

/** Whether GC removes a record: of the network and the kind, of no attachment that it keeps. */
export function staleIn(
  store: RecordStore,
  { network, kept, kind }: Collection,
): (record: FilterRecord) => boolean {
  const names = new Set(kept.attachments.map((owner) => recordName(owner, kind)));
  return ({ owner, kind: own }) =>
    own === kind &&
    isOfNetwork(ownerComment(owner), network) &&
    !names.has(recordName(owner, own)) &&
    !isAfterList(kept, store.written(owner, own));
}
