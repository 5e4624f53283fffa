/** Compares wanted entries with the kernel's: messages to send, messages to undo them, and texts. Pure. */
import type { NetlinkMessage } from "../../shared/netlink/message.ts";

/** How to identify, compare and change entries of one kind. */
export interface Kind<Entry> {
  /** The key of an entry: the kernel keeps one entry for each, and a new one replaces the old one. */
  readonly identity: (entry: Entry) => string | number;
  /** True if two entries of one identity have equal values. */
  readonly isSame: (one: Entry, other: Entry) => boolean;
  /** The values of an entry, as text. */
  readonly text: (entry: Entry) => string;
  readonly set: (entry: Entry, isReplacement: boolean) => NetlinkMessage;
  readonly remove: (entry: Entry) => NetlinkMessage;
}

export interface Step {
  readonly message: NetlinkMessage;
  /** Made on demand: an undo is rare. */
  undo(): NetlinkMessage;
}

/** The difference. Messages and texts are made on demand: with 5000 peers, a first ADD has 15,000 entries. */
export interface Difference {
  additions(): Step[];
  removals(): Step[];
  /** For people: "missing: ...", "foreign: ...", "wrong: ..., expected ...". */
  problems(): string[];
}

/** A wanted entry, and the kernel's entry that it replaces. */
interface Change<Entry> {
  readonly wanted: Entry;
  readonly present: Entry | undefined;
}

/** Compares the kernel's entries with the wanted ones, in linear time by a map. */
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
