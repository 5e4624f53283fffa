/** What is in folders that may be missing, or go while they are looked at; what cannot be read is not empty. */
import { type DirectoryEntry, listEntries } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** None if the folder is missing, or is none. Throws SystemError if it cannot be read. */
export function entriesIn(folder: string): DirectoryEntry[] {
  try {
    return listEntries(folder);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === Errno.ENOTDIR) return [];
    throw thrown;
  }
}
