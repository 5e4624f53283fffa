/** The backend of a record: as configured, or nftables where the kernel has it, else iptables. */
import { CniError, ErrorCode } from "../cni/error.ts";
import type { NetlinkConnection } from "../netlink/connection.ts";
import { withNetfilter } from "../netlink/netfilter.ts";
import type { Backend } from "./backend.ts";
import { iptablesBackend } from "./iptables/index.ts";
import { isRestoreInstalled } from "./iptables/restore.ts";
import type { FilterBackend, FilterContext } from "./kernel.ts";
import { nftablesBackend } from "./nftables.ts";
import type { FilterRecord } from "./record.ts";
import { RecordStore } from "./record-store.ts";
import { checkReference } from "./reference/index.ts";

type Environment = Readonly<Record<string, string>>;

/** What a plugin wants, before the backend is known. */
export type Wanted = Omit<FilterRecord, "backend"> & {
  /** As configured; undefined: the node decides. */
  readonly backend: Backend | undefined;
};

const byName: Readonly<Record<Backend, FilterBackend>> = {
  iptables: iptablesBackend,
  nftables: nftablesBackend,
};

/** A full disk must not keep rules from being made or removed. */
function ifPossible(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
  }
}

export function contextOf(
  connection: NetlinkConnection,
  store: RecordStore,
  environment: Environment,
): FilterContext {
  const state = { read: () => store.readState(), write: (text: string) => store.writeState(text) };
  const uses = {
    read: () => store.readState(".uses"),
    write: (text: string) => ifPossible(() => store.writeState(text, ".uses")),
  };
  const holds = (record: FilterRecord) => store.holds(record);
  const some: FilterContext["some"] = (kind, test) => store.some(kind, test);
  return { connection, environment, allRecords: () => store.all(), some, holds, state, uses };
}

/** The record with its backend. Throws CniError (50, or 7) if the node cannot do what is wanted. Changes nothing. */
export function resolve(context: FilterContext, wanted: Wanted): FilterRecord {
  const { backend } = wanted;
  if (backend !== undefined) {
    const record: FilterRecord = { ...wanted, backend };
    for (const each of Object.values(byName)) each.prepare(context, record);
    return record;
  }
  try {
    return resolve(context, { ...wanted, backend: "nftables" });
  } catch (thrown) {
    const isUnable = thrown instanceof CniError && thrown.code === ErrorCode.notAvailable;
    if (!isUnable || !isRestoreInstalled(4, context.environment)) throw thrown;
    return resolve(context, { ...wanted, backend: "iptables" });
  }
}

/** For the validation phase of ADD, and for STATUS: throws if ADD could not work here. Changes nothing. */
export function prepareFilter(wanted: Wanted, environment: Environment): void {
  withNetfilter((connection) => {
    const store = new RecordStore(connection, environment);
    resolve(contextOf(connection, store, environment), wanted);
  });
}

/** Who made the rules that CHECK has found in order. */
export type Maker = "podwire" | "reference";

function checkRecord(store: RecordStore, context: FilterContext, wanted: Wanted): Maker {
  const former = store.find(wanted.owner, wanted.kind);
  const backend = wanted.backend ?? former?.backend ?? "nftables";
  const record: FilterRecord = { ...wanted, backend };
  if (former === undefined && checkReference(context, record)) return "reference";
  for (const each of Object.values(byName)) each.check(context, record);
  return "podwire";
}

/**
 * For CHECK: throws CniError (999) that names what is missing of the rules. Rules that the reference plugins made count.
 * Without a configured backend the one that ADD chose is asked. Returns whose rules they are.
 */
export function checkFilter(wanted: Wanted, environment: Environment): Maker {
  return withNetfilter((connection) => {
    const store = new RecordStore(connection, environment);
    const context = contextOf(connection, store, environment);
    try {
      return checkRecord(store, context, wanted);
    } catch (thrown) {
      // An ADD or DEL may have changed the rules, and not yet the state. Under the lock no call does.
      if (!store.exists) throw thrown;
      return store.whileLocked(() => checkRecord(store, context, wanted));
    }
  });
}
