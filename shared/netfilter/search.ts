/** Texts in the kernel's bytes. */
import { bytesText, encodeText, findBytes } from "../system/text.ts";

/** Where the text first stands in the bytes at or after `from`, or -1. */
export const findText = (bytes: Uint8Array, text: string, from = 0): number =>
  findBytes(bytes, encodeText(text), from);

/** Bytes as a text to search in, each byte one character. */
export const searchable = bytesText;

/** A text as it is found in a searchable one. */
export const needle = (text: string): string => searchable(encodeText(text));
