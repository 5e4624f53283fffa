/** Entries as they should be, compared with those the kernel has: what to send, what to undo it with, what to say. Pure. */
import type { NetlinkMessage } from "../../shared/netlink/message.ts";

/** How entries of one kind are told apart and changed. */
export interface Kind<Entry> {
  /** What there is one entry for: a new one with the same identity takes the old one's place. */
  readonly identity: (entry: Entry) => string;
  /** All that counts of an entry. */
  readonly text: (entry: Entry) => string;
  readonly set: (entry: Entry, isReplacement: boolean) => NetlinkMessage;
  readonly remove: (entry: Entry) => NetlinkMessage;
}

export interface Step {
  readonly message: NetlinkMessage;
  readonly undo: NetlinkMessage;
}

export interface Difference {
  readonly additions: readonly Step[];
  readonly removals: readonly Step[];
  /** For people: "missing: ...", "foreign: ...", "wrong: ..., expected ...". */
  readonly problems: readonly string[];
}

/** What leads from the entries held to those wanted. Cost: one map. */
export function compareEntries<Entry>(
  kind: Kind<Entry>,
  held: readonly Entry[],
  wanted: readonly Entry[],
): Difference {
  const { identity, text, set, remove } = kind;
  const left = new Map<string, Entry>();
  for (const entry of held) left.set(identity(entry), entry);
  const additions: Step[] = [];
  const problems: string[] = [];
  for (const entry of wanted) {
    const key = identity(entry);
    const present = left.get(key);
    left.delete(key);
    if (present === undefined) {
      additions.push({ message: set(entry, false), undo: remove(entry) });
      problems.push(`missing: ${text(entry)}`);
    } else if (text(present) !== text(entry)) {
      additions.push({ message: set(entry, true), undo: set(present, true) });
      problems.push(`wrong: ${text(present)}, expected: ${text(entry)}`);
    }
  }
  const removals: Step[] = [];
  for (const entry of Array.from(left.values())) {
    removals.push({ message: remove(entry), undo: set(entry, false) });
    problems.push(`foreign: ${text(entry)}`);
  }
  return { additions, removals, problems };
}
