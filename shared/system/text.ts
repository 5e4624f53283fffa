/** Text and bytes. */

/** Encodes a text as UTF-8; a lone surrogate becomes U+FFFD. */
export const encodeText = (text: string): Uint8Array => native.encode(text);

/** Decodes UTF-8: U+FFFD replaces invalid bytes, and a byte order mark at the start is dropped. */
export const decodeText = (bytes: Uint8Array): string => native.decode(bytes);

/** The same, but keeps a byte order mark: a file's error may be that it has one. */
export function decodeTextWithMark(bytes: Uint8Array): string {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? `\uFEFF${decodeText(bytes)}` : decodeText(bytes);
}

/** The first position of bytes in others at or after `from`; -1 if absent. */
export const findBytes = (bytes: Uint8Array, wanted: Uint8Array, from = 0): number =>
  native.find(bytes, wanted, from);

/** Bytes as a text: each byte becomes the character of its number (ISO 8859-1). */
export const bytesText = (bytes: Uint8Array): string => native.latin1(bytes);
