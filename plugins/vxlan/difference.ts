/** Entries as they should be, compared with those the kernel has: what to send, what to undo it with, what to say. Pure. */
import type { NetlinkMessage } from "../../shared/netlink/message.ts";

/** How entries of one kind are told apart and changed. */
export interface Kind<Entry> {
  /** What there is one entry for: a new one with the same identity takes the old one's place. */
  readonly identity: (entry: Entry) => string | number;
  /** Whether two entries of one identity are the same in all that counts. */
  readonly isSame: (one: Entry, other: Entry) => boolean;
  /** All that counts of an entry, in words. */
  readonly text: (entry: Entry) => string;
  readonly set: (entry: Entry, isReplacement: boolean) => NetlinkMessage;
  readonly remove: (entry: Entry) => NetlinkMessage;
}

export interface Step {
  readonly message: NetlinkMessage;
  /** Made when it is needed, which is rarely. */
  undo(): NetlinkMessage;
}

/** What is different. The messages and words are made when they are asked for: of 5000 peers, a first ADD has 15,000 entries. */
export interface Difference {
  additions(): Step[];
  removals(): Step[];
  /** For people: "missing: ...", "foreign: ...", "wrong: ..., expected ...". */
  problems(): string[];
}

/** An entry that is wanted, and the one that is in its place. */
interface Change<Entry> {
  readonly wanted: Entry;
  readonly present: Entry | undefined;
}

/** What leads from the entries held to those wanted. Cost: one map. */
export function compareEntries<Entry>(
  kind: Kind<Entry>,
  held: readonly Entry[],
  wanted: readonly Entry[],
): Difference {
  const { identity, isSame } = kind;
  const left = new Map<string | number, Entry>();
  for (const entry of held) left.set(identity(entry), entry);
  const changes: Change<Entry>[] = [];
  for (const entry of wanted) {
    const key = identity(entry);
    const present = left.get(key);
    if (present !== undefined) left.delete(key);
    if (present === undefined || !isSame(present, entry)) changes.push({ wanted: entry, present });
  }
  return differenceOf(kind, changes, [...left.values()]);
}

function differenceOf<Entry>(
  { text, set, remove }: Kind<Entry>,
  changes: readonly Change<Entry>[],
  foreign: readonly Entry[],
): Difference {
  return {
    additions: () =>
      changes.map(({ wanted, present }) => ({
        message: set(wanted, present !== undefined),
        undo: () => (present === undefined ? remove(wanted) : set(present, true)),
      })),
    removals: () => foreign.map((entry) => ({ message: remove(entry), undo: () => set(entry, false) })),
    problems: () => [
      ...changes.map(({ wanted, present }) =>
        present === undefined
          ? `missing: ${text(wanted)}`
          : `wrong: ${text(present)}, expected: ${text(wanted)}`,
      ),
      ...foreign.map((entry) => `foreign: ${text(entry)}`),
    ],
  };
}
