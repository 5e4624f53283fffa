/** Reads whole files, regular ones only: a FIFO would block, and a device may have no end. */
import { Errno } from "../../shared/system/errno.ts";
import { closeFile, MOST_BYTES, OpenFlag, openFile, readAll } from "../../shared/system/file.ts";
import { descriptorStatus, type FileStatus } from "../../shared/system/file-status.ts";
import { SystemError } from "../../shared/system/libc.ts";
import { decodeTextWithMark } from "../../shared/system/text.ts";

function kindOf({ kind }: FileStatus): string {
  if (kind === "directory") return "a folder";
  if (kind === "fifo") return "a FIFO";
  return kind === "socket" ? "a socket" : "a device";
}

/** Converts the time of the last change to a Date. */
const dateOf = ({ modified }: FileStatus) => new Date(Number(modified / 1_000_000n));

/** Errors of open(2) for what is missing, for a socket, and for a loop of links. */
const noFile: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR, Errno.ENXIO, Errno.ELOOP];

/** Whether a regular file can be there although readRegularFile has thrown this. */
export const mayBeThere = (thrown: unknown): boolean =>
  thrown instanceof SystemError && !noFile.includes(thrown.errno);

/** Returns the text of a regular file and the time of its last change. Throws for any other kind of file. */
export function readRegularFile(path: string): { readonly text: string; readonly modified: Date } {
  // A non-blocking open of a FIFO returns at once, with or without a writer.
  const descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  try {
    const status = descriptorStatus(descriptor);
    if (!status.isFile) throw new Error(`it is ${kindOf(status)}, not a regular file`);
    if (status.size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES >> 20} MB`);
    return { text: decodeTextWithMark(readAll(descriptor, path)), modified: dateOf(status) };
  } finally {
    closeFile(descriptor);
  }
}
