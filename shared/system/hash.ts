/** SHA-2 through the runtime's built-in hasher: importing node:crypto costs 10 ms of start. */

/** The SHA-512 of a text as lower-case hexadecimal digits. */
export function sha512(text: string): string {
  return new Bun.CryptoHasher("sha512").update(text).digest("hex");
}
