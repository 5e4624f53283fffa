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

/**
 * Waits until one of the descriptors can be read from, or is at its end; for ever unless told how long.
 * Returns those of which that is so, none when the time is over. `object` names them in errors.
 */
export function waitForAny(
  descriptors: readonly number[],
  object: string,
  milliseconds?: number,
): readonly number[] {
  const POLLIN = 1;
  // A struct pollfd each: the descriptor, then 16 bits of what to wait for, and 16 of what has come.
  const requests = Int32Array.from(descriptors.flatMap((descriptor) => [descriptor, POLLIN]));
  const limit = milliseconds === undefined ? null : timespec(milliseconds);
  call("ppoll", object, new Uint8Array(requests.buffer), limit);
  return descriptors.filter((_, index) => (requests[index * 2 + 1] ?? 0) >>> 16 !== 0);
}

/** Waits until something can be read from a descriptor; returns false when the time is over. `object` names it in errors. */
export function waitForInput(descriptor: number, object: string, milliseconds: number): boolean {
  return waitForAny([descriptor], object, milliseconds).length > 0;
}
