/**
 * Remembers when the entries of a large overlay were last compared and found in order.
 *
 * The kernel has no counter for changes of routes, neighbours or forwarding entries. Listing those of 5000 peers takes
 * it 8 ms, longer than the rest of an ADD. So after a comparison a large overlay counts as in order for some seconds:
 * of several pods in a row, one ADD compares. CHECK always compares, and so does the first ADD after that time.
 * Smaller overlays are compared each time; the device, its configuration and its state always are.
 */

import { CniError } from "../../shared/cni/error.ts";
import { bootMilliseconds } from "../../shared/system/clock.ts";
import { fileStatus } from "../../shared/system/file-status.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { SystemError } from "../../shared/system/libc.ts";
import {
  makeOwnFolder,
  readSmallOwnFile,
  removeOwnFile,
  writeOwnFile,
} from "../../shared/system/own-file.ts";

/** The kernel lists this many in half a millisecond. */
const MANY_ENTRIES = 1000;
const VALID_MILLISECONDS = 10_000;

const ROOT = "/run/podwire/vxlan";
const pathOf = (network: string) => `${ROOT}/${sha512(network).slice(0, 20)}`;

/** The network namespace, and the values of the device. */
const checkedText = (device: string) => `${fileStatus("/proc/thread-self/ns/net")?.inode} ${device}`;

/**
 * True if the entries were in order some seconds ago, with the device as it is now. `device`: the device's values as
 * text.
 */
export function wasCheckedRecently(network: string, device: string): boolean {
  const text = readSmallOwnFile(pathOf(network));
  if (text === undefined) return false;
  const age = bootMilliseconds() - Number.parseFloat(text);
  return age >= 0 && age < VALID_MILLISECONDS && text.slice(text.indexOf(" ") + 1) === checkedText(device);
}

/** Remembers that this many entries were in order. */
export function recordCheck(network: string, device: string, entries: number): void {
  if (entries < MANY_ENTRIES) return;
  ignoreFailure(() => {
    makeOwnFolder(ROOT, 0o700);
    writeOwnFile(pathOf(network), `${bootMilliseconds()} ${checkedText(device)}`, 0o600);
  });
}

/** The file only saves time. If /run is read-only, or something stands in its place, each ADD compares. */
function ignoreFailure(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof SystemError || thrown instanceof CniError)) throw thrown;
  }
}

/** Removes the memory of a removed overlay. */
export function removeCheck(network: string): void {
  ignoreFailure(() => removeOwnFile(pathOf(network)));
}
