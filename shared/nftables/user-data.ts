/**
 * User data: bytes that the kernel keeps with an object and does not read. nft and this project write them as a
 * list of type, length (one byte each) and value; the format is libnftnl's (include/libnftnl/udata.h). nft skips
 * types it does not know.
 */
import { decodeText, encodeText } from "../system/text.ts";

/** The comment of a table, chain, rule or element. */
export const COMMENT = 0;
/** Sets have their comment elsewhere. */
export const SET_COMMENT = 7;
export const SET_KEY_ORDER = 0;
export const SET_DATA_ORDER = 1;

/**
 * The signature of a rule that podwire wrote, with the version of the rules. nft drops it from a rule that it replaces or
 * loads from a file; it keeps only the comment. A number in the range that libnftnl leaves free.
 */
export const SIGNATURE = 0x70;
/**
 * To be raised whenever a rule under the same comment does something else, or its chain has another hook
 * (test/shared/filter/rules-version.pure.test.ts).
 */
export const RULES_VERSION = 4;

export interface UserDatum {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A text with the NUL at its end that nft insists on. */
export function textDatum(type: number, text: string): UserDatum {
  return { type, value: encodeText(`${text}\0`) };
}

export function encodeUserData(data: readonly UserDatum[]): Uint8Array {
  return new Uint8Array(data.flatMap(({ type, value }) => [type, value.length, ...value]));
}

/** The values by type; a truncated tail is left out. */
export function decodeUserData(bytes: Uint8Array | undefined): Map<number, Uint8Array> {
  const values = new Map<number, Uint8Array>();
  if (bytes === undefined) return values;
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [type = 0, length = 0] = bytes.subarray(at, at + 2);
    if (at + 2 + length > bytes.length) break;
    values.set(type, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return values;
}

/** The comment in user data, empty without one. */
export function commentIn(userData: ReadonlyMap<number, Uint8Array>): string {
  const value = userData.get(COMMENT);
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return decodeText(end < 0 ? value : value.subarray(0, end));
}
