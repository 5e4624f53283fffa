/** What goes wrong with a target, in words that a person can act on. */

const meanings: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left there; free some: what is new is written before the old goes",
  EDQUOT: "the disk quota there is used up; raise it or free some space",
  EROFS:
    "the file system is read-only; mount it writable, or give a folder that is: some systems keep the executables elsewhere",
  EACCES:
    "permission denied; run as root, with CAP_DAC_OVERRIDE if the folder is another user's, and see whether SELinux or AppArmor forbids it",
  EPERM: "not permitted; run as root, and see whether the file is immutable (lsattr)",
  EBUSY: "a file is in the way that is mounted from elsewhere; unmount it, and mount the folder instead",
  EXDEV: "a file is in the way that is mounted from elsewhere; unmount it, and mount the folder instead",
};

/** What was being done failed: the system's error, with its cause and the way out where they are known. */
export function problem(doing: string, thrown: unknown): Error {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const meaning = meanings[codeOf(thrown)];
  const why = meaning === undefined ? message : `${meaning} (${message})`;
  return new Error(`${doing}: ${why}`, { cause: thrown });
}

/** The code of a failed system call, such as "ENOENT". */
export const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
