/** Time: clock_gettime(2). */
import { call } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;

/** The clock of files' times: they never lag behind it (include/linux/timekeeping.h, ktime_get_coarse_real_ts64). */
const CLOCK_REALTIME_COARSE = 5;

/** struct timespec: two integers of 64 bits. */
function readParts(clock: number): DataView {
  const time = new Uint8Array(16);
  call("clock_gettime", "clock", clock, time);
  return new DataView(time.buffer);
}

/** Milliseconds of a clock, with a fraction. */
function read(clock: number): number {
  const time = readParts(clock);
  return time.getUint32(0, true) * 1000 + time.getUint32(8, true) / 1e6;
}

/** Nanoseconds since 1970. No file that is written later has an earlier time. */
export function fileTime(): bigint {
  const time = readParts(CLOCK_REALTIME_COARSE);
  return time.getBigInt64(0, true) * 1_000_000_000n + time.getBigInt64(8, true);
}

/** Milliseconds from an arbitrary start; they never decrease. */
export const monotonicMilliseconds = (): number => read(CLOCK_MONOTONIC);

/** Milliseconds since the boot, including suspend. */
export const bootMilliseconds = (): number => read(CLOCK_BOOTTIME);
