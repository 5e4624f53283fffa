/** Reads folders that may be missing or be removed meanwhile. An unreadable folder is an error, never an empty list. */
import { type DirectoryEntry, listEntries } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";

/** Returns the entries; empty if the path is missing or not a folder. Throws SystemError if it cannot be read. */
export function entriesIn(folder: string): DirectoryEntry[] {
  try {
    return listEntries(folder);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === Errno.ENOTDIR) return [];
    throw thrown;
  }
}
