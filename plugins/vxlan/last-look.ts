/**
 * When the entries of a large overlay were last looked at, and found in order.
 *
 * The kernel has no number that tells of a change to routes, neighbours or forwarding entries, and to list those of 5000 peers takes
 * it 8 ms, longer than the rest of an ADD. So an overlay with many entries is believed for some seconds: of pods that come one
 * after the other, one looks for all. A change by hand is found by CHECK at once, and by the first ADD after that time. Overlays
 * with fewer entries are looked at each time, and the device, its configuration and its state always are.
 */

import { bootMilliseconds } from "../../shared/system/clock.ts";
import { makeDirectory } from "../../shared/system/directory.ts";
import { readSmallText, removeFile, writeFile } from "../../shared/system/file.ts";
import { fileStatus } from "../../shared/system/file-status.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** To list so many takes the kernel half a millisecond. */
const MANY_ENTRIES = 1000;
const BELIEVED_MILLISECONDS = 10_000;

const ROOT = "/run/podwire/vxlan";
const pathOf = (network: string) => `${ROOT}/${sha512(network).slice(0, 20)}`;

/** In which namespace, and what the device was like. */
const placeText = (device: string) => `${fileStatus("/proc/thread-self/ns/net")?.inode} ${device}`;

/** Whether the entries were found in order a moment ago, with the device as it is now. `device`: all that counts of it, in words. */
export function wasLookedAt(network: string, device: string): boolean {
  const text = readSmallText(pathOf(network));
  if (text === undefined) return false;
  const age = bootMilliseconds() - Number.parseFloat(text);
  return age >= 0 && age < BELIEVED_MILLISECONDS && text.slice(text.indexOf(" ") + 1) === placeText(device);
}

/** Notes that so many entries were found in order. */
export function noteLook(network: string, device: string, entries: number): void {
  if (entries < MANY_ENTRIES) return;
  try {
    makeDirectory(ROOT, 0o700);
    writeFile(pathOf(network), `${bootMilliseconds()} ${placeText(device)}`, 0o600);
  } catch (thrown) {
    // Where /run cannot be written, each ADD looks.
    if (!(thrown instanceof SystemError)) throw thrown;
  }
}

/** For an overlay that is removed. */
export function forgetLook(network: string): void {
  removeFile(pathOf(network));
}
