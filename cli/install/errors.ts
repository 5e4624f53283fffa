/** Failures at the target folder, in words that a person can act on. */
import { causeOf } from "../../shared/cni/error.ts";
import { Errno } from "../../shared/system/errno.ts";
import { SystemError } from "../../shared/system/libc.ts";

const mounted = "the file there is mounted from elsewhere; unmount it, and mount the folder instead";

const meanings: Readonly<Record<number, string>> = {
  [Errno.ENOSPC]: "no space is left there; free some: new files are written before old ones are removed",
  [Errno.EDQUOT]: "the disk quota there is used up; raise it or free some space",
  [Errno.EROFS]:
    "the file system is read-only; mount it writable, or give a writable folder: some systems keep the executables elsewhere",
  [Errno.EACCES]:
    "permission denied; run as root, with CAP_DAC_OVERRIDE if the folder is another user's, and check whether SELinux or AppArmor forbids it",
  [Errno.EPERM]: "not permitted; run as root, and check whether the file is immutable (lsattr)",
  [Errno.EBUSY]: mounted,
  [Errno.EXDEV]: mounted,
};

/** Makes an error from a failed step: the system's error, its likely cause, and advice if known. */
export function stepError(doing: string, thrown: unknown): Error {
  const message = causeOf(thrown);
  const meaning = thrown instanceof SystemError ? meanings[thrown.errno] : undefined;
  const why = meaning === undefined ? message : `${meaning} (${message})`;
  return new Error(`${doing}: ${why}`, { cause: thrown });
}

/** True if a system call failed with one of these error numbers. */
export const failedBy = (thrown: unknown, errnos: readonly number[]): boolean =>
  thrown instanceof SystemError && errnos.includes(thrown.errno);
