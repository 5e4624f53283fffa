/** Files that are read whole. A FIFO would be waited for, and a device read for ever. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";

function kindOf(status: Stats): string {
  if (status.isDirectory()) return "a folder";
  if (status.isFIFO()) return "a FIFO";
  return status.isSocket() ? "a socket" : "a device";
}

/** The text of a regular file, and when it was last written. Throws if it is none, or cannot be read. */
export function readRegularFile(path: string): { readonly text: string; readonly modified: Date } {
  // A FIFO opens at once this way, whether or not anybody writes to it.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new Error(`it is ${kindOf(status)}, and no regular file`);
    return { text: readFileSync(descriptor, "utf8"), modified: status.mtime };
  } finally {
    closeSync(descriptor);
  }
}
