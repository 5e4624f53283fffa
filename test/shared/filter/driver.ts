/**
 * Calls of shared/filter, one after the other in one process, as the executables make them. Run by the evaluator: the words are the
 * calls as JSON, and PATH. Prints the outcome of each as JSON.
 */
import type { AttachmentKey } from "../../../shared/cni/plugin.ts";
import { checkFilter, contextOf, prepareFilter, type Wanted } from "../../../shared/filter/choice.ts";
import { applyFilter, clearFilter, collectFilter, removeFilter } from "../../../shared/filter/filter.ts";
import { iptablesBackend } from "../../../shared/filter/iptables/index.ts";
import { nftablesBackend } from "../../../shared/filter/nftables.ts";
import type { FilterRecord, RecordKind } from "../../../shared/filter/record.ts";
import { RecordStore } from "../../../shared/filter/record-store.ts";
import { parseRecord, recordText } from "../../../shared/filter/record-text.ts";
import { withNetfilter } from "../../../shared/netlink/netfilter.ts";

/** A record as record-text.ts writes it. Without a backend the node decides. */
export interface WantedText {
  readonly owner: AttachmentKey;
  readonly kind: RecordKind;
  readonly backend?: "iptables" | "nftables";
  readonly masquerade?: { readonly addresses: readonly string[]; readonly exceptions: readonly string[] };
  readonly spoofCheck?: { readonly port: string; readonly mac: string };
  readonly hostPorts?: object;
}

export type Operation =
  | { readonly verb: "apply" | "check" | "clear" | "prepare" | "write"; readonly wanted: WantedText }
  | { readonly verb: "remove"; readonly owner: AttachmentKey; readonly kind: RecordKind }
  | {
      readonly verb: "collect";
      readonly network: string;
      readonly keep: readonly AttachmentKey[];
      readonly kind: RecordKind;
    }
  | { readonly verb: "records" | "recover" };

type Environment = Readonly<Record<string, string>>;

function wantedOf(text: WantedText): Wanted {
  const record = parseRecord(JSON.stringify({ ...text, backend: text.backend ?? "nftables" }));
  if (record === undefined) throw new Error(`no record: ${JSON.stringify(text)}`);
  return text.backend === undefined ? { ...record, backend: undefined } : record;
}

const plain = (records: readonly FilterRecord[]): unknown[] =>
  records.map((record) => JSON.parse(recordText(record)));

function withStore<Value>(
  environment: Environment,
  work: (store: RecordStore, context: ReturnType<typeof contextOf>) => Value,
): Value {
  return withNetfilter((connection) => {
    const store = new RecordStore(connection, environment);
    return work(store, contextOf(connection, store, environment));
  });
}

function perform(operation: Operation, environment: Environment): unknown {
  switch (operation.verb) {
    case "remove":
      removeFilter(operation.owner, operation.kind, environment, { hasSiblings: false });
      return null;
    case "collect":
      collectFilter(
        operation.network,
        { attachments: operation.keep, since: undefined },
        operation.kind,
        environment,
      );
      return null;
    case "records":
      return withStore(environment, (store) => plain(store.all()));
    case "recover":
      return withStore(environment, (_, context) =>
        plain([nftablesBackend, iptablesBackend].flatMap((backend) => backend.recover(context))),
      );
    case "write":
      withStore(environment, (store) =>
        store.whileLocked(() => store.write(wantedOf(operation.wanted) as FilterRecord)),
      );
      return null;
    case "apply":
      applyFilter(wantedOf(operation.wanted), environment);
      return null;
    case "check":
      checkFilter(wantedOf(operation.wanted), environment);
      return null;
    case "prepare":
      prepareFilter(wantedOf(operation.wanted), environment);
      return null;
    case "clear":
      clearFilter(wantedOf(operation.wanted), environment);
      return null;
  }
}

function outcome(operation: Operation, environment: Environment): unknown {
  try {
    return perform(operation, environment);
  } catch (thrown) {
    const { code, message, details, stack } = thrown as {
      code?: number;
      message: string;
      details?: string;
      stack?: string;
    };
    return { code, message, details, ...(code === undefined ? { stack } : {}) };
  }
}

export function main([calls = "[]", path = ""]: readonly string[]): number {
  const environment: Environment = path === "" ? {} : { PATH: path };
  const operations = JSON.parse(calls) as Operation[];
  // biome-ignore lint/suspicious/noConsole: what the evaluator's scripts print with
  console.log(JSON.stringify(operations.map((operation) => outcome(operation, environment))));
  return 0;
}
