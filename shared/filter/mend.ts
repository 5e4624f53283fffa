/** What a call without rules of its own does for those of others, after a flush for example. */
import { CniError } from "../cni/error.ts";
import { iptablesBackend } from "./iptables/index.ts";
import type { FilterContext } from "./kernel.ts";
import { nftablesBackend } from "./nftables.ts";
import type { RecordStore } from "./record-store.ts";
import { withOptionalState } from "./state.ts";

export const backends = [nftablesBackend, iptablesBackend];

function mendOrThrow(context: FilterContext, store: RecordStore): void {
  if (!store.exists || !backends.some((backend) => backend.isDisturbed(context))) return;
  store.whileLockedToRemove((hasRecords) => {
    if (!hasRecords) return;
    for (const backend of backends) {
      if (backend.isDisturbed(context))
        backend.change(withOptionalState(context), { removed: [], added: [] });
    }
  });
}

/**
 * Brings back the rules of all records if another program took any. Otherwise it only looks, without the lock. What cannot be brought
 * back is no failure of this call: CHECK of those containers names it.
 */
export function mend(context: FilterContext, store: RecordStore): void {
  try {
    mendOrThrow(context, store);
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
  }
}
