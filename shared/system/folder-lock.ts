/** The lock of a folder: a file `lock` in it, as in the reference plugin, so that both can share a folder. */

import { makeDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, tryOpen } from "./file.ts";
import { AT_FDCWD, descriptorStatus } from "./file-status.ts";
import { SystemError, tryCall } from "./libc.ts";
import { waitForLock } from "./lock-wait.ts";
import { explainObstacle, removeObstacle } from "./obstacle.ts";

export { LONGEST_PAUSE, lockLimit } from "./lock-wait.ts";

const PRIVATE = 0o600;
const OTHERS = 0o077;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Stands for a descriptor if the lock file is missing and cannot be made. */
const NONE = -1;

/** Read-only, full, over quota; a folder, a FIFO or a link that holds nothing but cannot be removed. */
const refusals: readonly number[] = [
  -Errno.EROFS,
  -Errno.ENOSPC,
  -Errno.EDQUOT,
  -Errno.EISDIR,
  -Errno.ENXIO,
  -Errno.ELOOP,
];

const pathOf = (folder: string) => `${folder}/lock`;

/** Opens or makes the lock file. Returns the descriptor or a negated errno. A link is not followed, a FIFO does not block. */
function tryOpenFile(path: string): number {
  const { readOnly, create, noFollow, nonBlocking } = OpenFlag;
  const descriptor = tryOpen(path, readOnly | create | noFollow | nonBlocking, PRIVATE);
  if (descriptor < 0) return descriptor;
  const { isFile, permissions, owner } = descriptorStatus(descriptor);
  if (!isFile) {
    closeFile(descriptor);
    return -Errno.ENXIO;
  }
  // The reference plugin makes a file that others can open, and so lock. If it is not ours to change, it stays.
  if (owner !== 0) tryCall("fchownat", AT_FDCWD, path, 0, 0, AT_SYMLINK_NOFOLLOW);
  if ((permissions & OTHERS) !== 0) tryCall("fchmod", descriptor, PRIVATE);
  return descriptor;
}

/** The same, and replaces what is no file and holds nothing. */
function openLock(folder: string): number {
  const path = pathOf(folder);
  const opened = tryOpenFile(path);
  const isObstacle = opened === -Errno.EISDIR || opened === -Errno.ENXIO || opened === -Errno.ELOOP;
  return isObstacle && removeObstacle(path) ? tryOpenFile(path) : opened;
}

function acquireOrClose(descriptor: number, folder: string, limitSeconds: number): number {
  try {
    waitForLock(descriptor, { path: pathOf(folder), what: `the addresses in ${folder}`, limitSeconds });
    return descriptor;
  } catch (thrown) {
    closeFile(descriptor);
    throw thrown;
  }
}

/**
 * Takes the lock of a folder, to read or to release; undefined if the folder is missing. If the lock file is missing
 * and cannot be made, no process holds the lock or can add a reservation: the caller works without it. Release it with
 * unlock. Throws code 11.
 */
export function lock(folder: string, limitSeconds: number): number | undefined {
  const descriptor = openLock(folder);
  if (descriptor >= 0) return acquireOrClose(descriptor, folder, limitSeconds);
  if (descriptor === -Errno.ENOENT || descriptor === -Errno.ENOTDIR) return undefined;
  if (refusals.includes(descriptor)) return NONE;
  throw new SystemError("open", pathOf(folder), -descriptor);
}

/** Takes the lock of a folder, to add to it. Makes the folder if needed. Throws code 11. */
export function makeAndLock(folder: string, limitSeconds: number): number {
  let descriptor = openLock(folder);
  if (descriptor === -Errno.ENOENT) {
    makeDirectory(folder, 0o755);
    descriptor = openLock(folder);
  }
  if (descriptor >= 0) return acquireOrClose(descriptor, folder, limitSeconds);
  const refusal = new SystemError("open", pathOf(folder), -descriptor);
  throw explainObstacle(refusal, pathOf(folder), "file");
}

export function unlock(descriptor: number): void {
  if (descriptor !== NONE) closeFile(descriptor);
}
