/** Waiting: ppoll(2). */
import { call, tryCall } from "./libc.ts";

/** Longer than a lifetime, and small enough for the kernel to add it to its clock. */
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
 * Waits until a descriptor is readable or at its end, without a limit by default. Returns these descriptors; empty on
 * timeout. `object` names them in errors.
 */
export function waitForAny(
  descriptors: readonly number[],
  object: string,
  milliseconds?: number,
): readonly number[] {
  const POLLIN = 1;
  // A struct pollfd each: the descriptor, 16 bits of wanted events, 16 bits of returned ones.
  const requests = Int32Array.from(descriptors.flatMap((descriptor) => [descriptor, POLLIN]));
  const limit = milliseconds === undefined ? null : timespec(milliseconds);
  call("ppoll", object, new Uint8Array(requests.buffer), limit);
  return descriptors.filter((_, index) => (requests[index * 2 + 1] ?? 0) >>> 16 !== 0);
}

/** Waits until a descriptor is readable; false on timeout. `object` names it in errors. */
export function waitForInput(descriptor: number, object: string, milliseconds: number): boolean {
  return waitForAny([descriptor], object, milliseconds).length > 0;
}
