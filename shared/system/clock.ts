/** Time: clock_gettime(2). */
import { call } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;

/** Milliseconds of a clock, with a fraction. */
function read(clock: number): number {
  const time = new Uint32Array(4);
  call("clock_gettime", "clock", clock, new Uint8Array(time.buffer));
  return (time[0] ?? 0) * 1000 + (time[2] ?? 0) / 1e6;
}

/** Milliseconds from an arbitrary start; they never decrease. */
export const monotonicMilliseconds = (): number => read(CLOCK_MONOTONIC);

/** Milliseconds since the boot, including suspend. */
export const bootMilliseconds = (): number => read(CLOCK_BOOTTIME);
