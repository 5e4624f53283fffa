/** Random bytes: getrandom(2). */
import { call } from "./libc.ts";

/** This many random bytes from the kernel; at most 256. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  call("getrandom", "random bytes", bytes, 0);
  return bytes;
}
