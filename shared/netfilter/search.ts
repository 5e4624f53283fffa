/** Texts in the kernel's bytes: each byte one character, so that the runtime's own fast string search can be used. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** Bytes as a text to search in. */
export function searchable(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** A text as it is found in a searchable one. */
export function needle(text: string): string {
  return decoder.decode(encoder.encode(text));
}
