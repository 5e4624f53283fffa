/** Waiting: ppoll(2). */
import { call, tryCall } from "./libc.ts";

/** More than a lifetime; the kernel adds its clock to it. */
const LONGEST_SECONDS = 0xffffffff;

/** A struct timespec of two 64-bit numbers, little-endian. */
function timespec(milliseconds: number): Uint8Array {
  const seconds = Math.min(Math.floor(milliseconds / 1000), LONGEST_SECONDS);
  const nanoseconds = Math.floor((milliseconds % 1000) * 1e6);
  return new Uint8Array(Uint32Array.of(seconds, 0, nanoseconds, 0).buffer);
}

/** Sleeps. */
export function pause(milliseconds: number): void {
  tryCall("ppoll", new Uint8Array(0), timespec(milliseconds));
}

/** Waits until something can be read from a descriptor; returns false when the time is over. `object` names it in errors. */
export function waitForInput(descriptor: number, object: string, milliseconds: number): boolean {
  const POLLIN = 1;
  // A struct pollfd: the descriptor, and what to wait for.
  const request = new Uint8Array(Int32Array.of(descriptor, POLLIN).buffer);
  return call("ppoll", object, request, timespec(milliseconds)) !== 0;
}
