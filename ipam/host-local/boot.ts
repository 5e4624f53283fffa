/** The current boot and its start. No network namespace survives a boot, so no reservation does. */

import { readSmallText } from "../../shared/system/file.ts";
import { fileStatus } from "../../shared/system/file-status.ts";

const NANOSECONDS = 1_000_000_000;

/** The kernel's random id of this boot (proc(5)). "unknown" if /proc cannot be read. */
export function bootId(): string {
  const text = readSmallText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return text === "" ? "unknown" : text;
}

/**
 * The latest time, in nanoseconds since 1970, that is certainly before everything made in this boot; 0 if unknown.
 *
 * Only for reservations of the reference plugin, which have no boot id. The clock may have been set since the boot, so
 * the earlier of two estimates counts. (1) The clock minus the time since boot: too late after a step forward. (2) The
 * change time of /proc's root (fs/proc/root.c makes the inode at mount): too late after a step back, or in a
 * container. One case is not covered: a clock that was wrong early, stepped back, and then forward again.
 */
export function startOfBoot(): bigint {
  const uptime = Number((readSmallText("/proc/uptime") ?? "").split(" ")[0]);
  const mounted = fileStatus("/proc")?.modified;
  if (!(uptime > 0) || mounted === undefined) return 0n;
  const counted = BigInt(Math.floor((Date.now() / 1000 - uptime) * NANOSECONDS));
  return counted < mounted ? counted : mounted;
}
