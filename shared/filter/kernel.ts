/** The contract of the two backends: how records become rules in the kernel. */
import type { NetlinkConnection } from "../netlink/connection.ts";
import type { FilterRecord, RecordKind } from "./record.ts";

export interface FilterContext {
  /** A netfilter socket in the host's namespace. */
  readonly connection: NetlinkConnection;
  /** Of the plugin's process: PATH names the folders of programs. */
  readonly environment: Readonly<Record<string, string>>;
  /** Reads all records from the disk: for a projection of all. What a call has just written is among them, what it removes is not. */
  readonly allRecords: () => FilterRecord[];
  /** Whether there is such a record of a kind, among the same. Reads no more than it must. */
  readonly some: (kind: RecordKind, test: (record: FilterRecord) => boolean) => boolean;
  /** Whether a record has the ports and addresses that it wants. False for that of a process which was killed. */
  readonly holds: (record: FilterRecord) => boolean;
  /** A text that the nftables backend keeps among the records; gone with them. */
  readonly state: { read(): string | undefined; write(text: string): void };
  /** The same for the iptables backend. A failed write is no error: without the text, the next ADD projects all records. */
  readonly uses: { read(): string | undefined; write(text: string): void };
}

/** One call's difference. */
export interface Change {
  /** Records whose rules go; their files are still on the disk or gone. */
  readonly removed: readonly FilterRecord[];
  /** Records whose rules come. One that is also in `removed`, by owner and kind, replaces that one. */
  readonly added: readonly FilterRecord[];
}

/**
 * A backend takes its part of each record (masquerade and hostPorts of records with its name), and ignores the rest. All but
 * prepare and check run under the lock of the records.
 */
export interface FilterBackend {
  /** Throws CniError if the record could not be put into the kernel. Changes nothing. */
  prepare(context: FilterContext, record: FilterRecord): void;
  /**
   * Makes the difference in one transaction. Where the shared rules are not as they should be, or the kernel refuses the
   * difference, everything is projected from allRecords. Rules that are gone already are fine. Throws CniError.
   */
  change(context: FilterContext, change: Change): void;
  /**
   * Whether another program has taken something: from the rules that records share, or with iptables from any record's. Cheap where
   * the kernel has a number for each change. Changes nothing; needs no lock.
   */
  isDisturbed(context: FilterContext): boolean;
  /** Throws CniError (999) that names what of the record's rules, or of those that all share, is missing or changed. */
  check(context: FilterContext, record: FilterRecord): void;
  /** The records of owners whose rules the kernel has, as far as rules tell: for records that were deleted. */
  recover(context: FilterContext): FilterRecord[];
}
