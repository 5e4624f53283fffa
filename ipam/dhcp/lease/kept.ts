/** Which leases GC keeps. */
import type { NetworkConfiguration } from "../../../shared/cni/plugin.ts";
import {
  attachmentsToKeep,
  isAfterList,
  type Kept,
  LIST_TIME,
} from "../../../shared/cni/valid-attachments.ts";
import type { LeaseRecord } from "./record.ts";

/** `listTime`: when the list was made, or nothing. Throws codes 4 and 7. */
export function keptBy(
  configuration: NetworkConfiguration,
  listTime: string,
): Kept & { readonly network: string } {
  const kept = attachmentsToKeep({ configuration, environment: { [LIST_TIME]: listTime } });
  return { ...kept, network: configuration.name };
}

/** Whether a lease stays: it is of another network, in the list, or younger than the list. */
export function isKept({ owner, since }: LeaseRecord, kept: Kept & { readonly network: string }): boolean {
  if (owner.network !== kept.network || isAfterList(kept, since)) return true;
  return kept.attachments.some(
    ({ containerId, ifname }) => containerId === owner.containerId && ifname === owner.ifname,
  );
}
