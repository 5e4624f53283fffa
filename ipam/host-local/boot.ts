/** Which boot this is, and since when it runs: no network namespace survives a boot, so no reservation does. */

import { readSmallText } from "../../shared/system/file.ts";
import { fileStatus } from "../../shared/system/file-status.ts";

const NANOSECONDS = 1_000_000_000;

/** The kernel's random name of this boot (proc(5)); "unknown", always the same, where /proc does not tell. */
export function bootId(): string {
  const text = readSmallText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return text === "" ? "unknown" : text;
}

/**
 * The latest moment, in nanoseconds since 1970, that is surely before everything made in this boot; 0 if unknown.
 *
 * Only for files of the reference, which do not say in which boot they were made. The clock may have been set since
 * the boot, so two witnesses are asked and the earlier is believed: the clock now less the time since boot is too
 * late after a step forward, and the time at which /proc was mounted (its root's time of change: fs/proc/root.c
 * makes the inode at mount) is too late after a step back, or in a container. What remains is a clock that was wrong
 * early, stepped back, and forward again: not provided for.
 */
export function startOfBoot(): bigint {
  const uptime = Number((readSmallText("/proc/uptime") ?? "").split(" ")[0]);
  const mounted = fileStatus("/proc")?.modified;
  if (!(uptime > 0) || mounted === undefined) return 0n;
  const counted = BigInt(Math.floor((Date.now() / 1000 - uptime) * NANOSECONDS));
  return counted < mounted ? counted : mounted;
}
