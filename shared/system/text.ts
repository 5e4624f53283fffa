/** Text and bytes. */

/** A text in UTF-8; half a surrogate pair becomes U+FFFD. */
export const encodeText = (text: string): Uint8Array => native.encode(text);

/** Bytes in UTF-8 as a text: U+FFFD for what is none, and without a byte order mark at the start. */
export const decodeText = (bytes: Uint8Array): string => native.decode(bytes);

/** The same, but a byte order mark stays: that it is there may be what is wrong with a file. */
export function decodeTextWithMark(bytes: Uint8Array): string {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? `\uFEFF${decodeText(bytes)}` : decodeText(bytes);
}

/** Where bytes stand first in others, at or after `from`; -1 if they do not. */
export const findBytes = (bytes: Uint8Array, wanted: Uint8Array, from = 0): number =>
  native.find(bytes, wanted, from);

/** Bytes as a text, each byte the character of its number (ISO 8859-1). */
export const bytesText = (bytes: Uint8Array): string => native.latin1(bytes);
