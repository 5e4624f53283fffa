/** Files that are read whole. A FIFO would be waited for, and a device read for ever. */
import { closeFile, OpenFlag, openFile, readAll } from "../../shared/system/file.ts";
import { descriptorStatus, type FileStatus } from "../../shared/system/file-status.ts";
import { decodeTextWithMark } from "../../shared/system/text.ts";

function kindOf({ kind }: FileStatus): string {
  if (kind === "directory") return "a folder";
  if (kind === "fifo") return "a FIFO";
  return kind === "socket" ? "a socket" : "a device";
}

/** When a file was last written. */
const dateOf = ({ modified }: FileStatus) => new Date(Number(modified / 1_000_000n));

/** The text of a regular file, and when it was last written. Throws if it is none, or cannot be read. */
export function readRegularFile(path: string): { readonly text: string; readonly modified: Date } {
  // A FIFO opens at once this way, whether or not anybody writes to it.
  const descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  try {
    const status = descriptorStatus(descriptor);
    if (!status.isFile) throw new Error(`it is ${kindOf(status)}, and no regular file`);
    return { text: decodeTextWithMark(readAll(descriptor, path)), modified: dateOf(status) };
  } finally {
    closeFile(descriptor);
  }
}
