/** The daemon's log: lines on standard error. */
import { SystemError } from "../../../shared/system/libc.ts";
import { writeStandardError } from "../../../shared/system/stdio.ts";

export function log(text: string): void {
  try {
    writeStandardError(`podwire dhcp: ${text}\n`);
  } catch (thrown) {
    // Leases matter more than a log whose reader is gone.
    if (!(thrown instanceof SystemError)) throw thrown;
  }
}
