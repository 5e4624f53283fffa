/** The entries of a folder that may be missing, or go while it is looked at; what cannot be read is not empty. */
export function readFolder<Entry>(read: () => Entry[]): Entry[] {
  try {
    return read();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw thrown;
  }
}
