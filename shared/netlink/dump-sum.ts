/**
 * A sum over the messages of a dump, by which thousands of entries are found to be those of another time without being read.
 *
 * It is the same in whatever order the kernel lists them, which changes when one of its hash tables grows; and it leaves out
 * what changes by itself, such as the time since a neighbour was used, and the numbers of request and process in each header. It
 * guards against accidents, not against attacks: who can change a node's entries can change the plugins, too.
 */

/** What is meant of a word of a message's fixed header. */
export interface HeaderWord {
  /** Bits that must have a value, 0 unless told, or the message is passed over. */
  readonly mask?: number;
  readonly value?: number;
  /** Bits that are summed. */
  readonly kept?: number;
}

/** What is meant of a dump's messages. */
export interface Selection {
  /** The fixed header behind struct nlmsghdr, such as struct ndmsg, in words of 32 bits: at most eight. */
  readonly header: readonly HeaderWord[];
  /** The attributes that are summed, with all that is nested in them: types below 32. */
  readonly attributes: readonly number[];
  /** Instead of the message, the items of this attribute count, each for itself. It comes behind those attributes. */
  readonly list?: number;
}

/** How many there were, and the total. */
export const newSum = (): BigUint64Array => new BigUint64Array(2);

/** A selection as the native takes it: number of words, types as bits, type of the list; and three numbers for each word. */
export function compileSelection({ header, attributes, list = 0 }: Selection): Int32Array {
  const types = attributes.reduce((bits, type) => bits | (1 << type), 0);
  const words = header.flatMap(({ mask = 0, value = 0, kept = 0 }) => [mask, value, kept]);
  return Int32Array.of(header.length, types, list, ...words);
}
