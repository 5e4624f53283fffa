/** Texts and their bytes in UTF-8. */

const encoder = new TextEncoder();
/** "ignoreBOM" is the standard's name for leaving a byte order mark in the text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** What is no UTF-8 becomes U+FFFD. A byte order mark stays: that it is there may be the mistake to tell of. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
