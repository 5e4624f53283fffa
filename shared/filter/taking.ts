/** What a new record takes from those of other containers: ports of the host, and addresses of a network. */
import type { AttachmentKey } from "../cni/plugin.ts";
import { type FilterRecord, type HostPort, recordName } from "./record.ts";
import type { RecordStore } from "./record-store.ts";
import type { Removed } from "./removed.ts";
import { reservationsOf } from "./reservation.ts";

/** How a plugin takes what records of other containers have. */
export interface Taking {
  readonly removed?: Removed;
  /** Whether a container still uses what its record has. */
  readonly isAlive: (record: FilterRecord) => boolean;
  /** Whether the container of a record is gone, and another one has an address of it. */
  readonly isReplaced: (record: FilterRecord) => boolean;
  /** The error for a port that another container has. Absent: no ports are taken. */
  readonly conflict?: (port: HostPort, owner: AttachmentKey) => Error;
}

/**
 * Records of host ports that were recovered from the kernel, and lead to addresses which the new record's container has now: rules that
 * were saved before a boot. That container may have no host ports, so portmap may never see it.
 */
function stalePorts(store: RecordStore, record: FilterRecord, { isAlive }: Taking): FilterRecord[] {
  const { owner, backend, addresses = record.masquerade?.addresses ?? [] } = record;
  return store
    .holders({ owner, backend, addresses, kind: "portmap" })
    .map(({ holder }) => holder)
    .filter((holder) => holder.namespace === undefined && !isAlive(holder));
}

/** The records that have what the new one asks for. Throws the conflict for a port of a container that lives. */
function holdersOf(store: RecordStore, record: FilterRecord, taking?: Taking): FilterRecord[] {
  return store.holders(record).map(({ holder, index }) => {
    const port = reservationsOf(record)[index]?.port;
    if (port !== undefined && taking?.conflict !== undefined && taking.isAlive(holder))
      throw taking.conflict(port, holder.owner);
    return holder;
  });
}

/**
 * The records of containers that are gone: those that the new one takes ports or addresses from and, if records were just recovered, all
 * whose addresses others have. Throws the conflict if a container that lives has a port.
 */
export function recordsInTheWay(
  store: RecordStore,
  record: FilterRecord,
  taking?: Taking,
  isRecovered = false,
): FilterRecord[] {
  const holders = holdersOf(store, record, taking);
  if (taking === undefined) return holders;
  const stalePortRecords = record.kind === "interface" ? stalePorts(store, record, taking) : [];
  const isStale = (each: FilterRecord) => each.namespace === undefined && taking.isReplaced(each);
  const replaced = isRecovered ? store.all().filter(isStale) : [];
  const all = [...holders, ...stalePortRecords, ...replaced];
  return [...new Map(all.map((each) => [recordName(each.owner, each.kind), each])).values()];
}
