/** SHA-2 (native/digest.c). */

/** The SHA-512 of a text as lower-case hexadecimal digits. */
export const sha512 = (text: string): string => native.sha512(native.encode(text));
