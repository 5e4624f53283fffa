/**
 * A sum over the messages of a dump. Equal sums show that thousands of entries are unchanged, without parsing them.
 *
 * The sum does not depend on the kernel's order, which changes when a hash table grows. It omits values that change by
 * themselves: the time since a neighbour was used, and the request and process numbers in each header. It detects
 * accidents and not attacks: an attacker who can change a node's entries can change the plugins, too.
 */

/** The use of a 32-bit word in a message's fixed header. */
export interface HeaderWord {
  /** Bits that must equal `value` (0 by default); other messages are skipped. */
  readonly mask?: number;
  readonly value?: number;
  /** Bits that are summed. */
  readonly kept?: number;
}

/** The part of a dump that is summed. */
export interface Selection {
  /** The fixed header after struct nlmsghdr, such as struct ndmsg, in 32-bit words: at most eight. */
  readonly header: readonly HeaderWord[];
  /** The summed attributes, with their nested ones: types below 32. */
  readonly attributes: readonly number[];
  /** Sums the items of this attribute one by one, instead of the message. It comes after `attributes`. */
  readonly list?: number;
}

/** The number of messages or items, and the total. */
export const newSum = (): BigUint64Array => new BigUint64Array(2);

/**
 * A selection in the native's format: number of words, types as bits, type of the list; then three numbers for each
 * word.
 */
export function compileSelection({ header, attributes, list = 0 }: Selection): Int32Array {
  const types = attributes.reduce((bits, type) => bits | (1 << type), 0);
  const words = header.flatMap(({ mask = 0, value = 0, kept = 0 }) => [mask, value, kept]);
  return Int32Array.of(header.length, types, list, ...words);
}
