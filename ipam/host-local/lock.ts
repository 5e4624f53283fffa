/** The lock of a network's folder: the reference's, so that both can work on one folder. */
import { CniError, ErrorCode } from "../../shared/cni/error.ts";
import { closeFile, makeDirectory, OpenFlag } from "../../shared/system/file.ts";
import { call, cString, Errno, SystemError, tryCall } from "../../shared/system/libc.ts";

const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;

const DEFAULT_LIMIT_SECONDS = 30;

/** A lock that needs no lock file: a read-only file system, where nobody changes anything. */
const UNNEEDED = -1;

/** Opens the lock file; undefined if the network has no folder. */
function openLock(folder: string): number | undefined {
  const flags = OpenFlag.readOnly | OpenFlag.create | OpenFlag.closeOnExec;
  const descriptor = tryCall("open", cString(`${folder}/lock`), flags, 0o750);
  if (descriptor >= 0) return descriptor;
  if (descriptor === -Errno.ENOENT || descriptor === -Errno.ENOTDIR) return undefined;
  if (descriptor === -Errno.EROFS) return UNNEEDED;
  throw new SystemError("open", `${folder}/lock`, -descriptor);
}

/** Seconds to wait for the lock; PODWIRE_LOCK_TIMEOUT sets another limit. */
export function lockLimit(environment: Readonly<Record<string, string>>): number {
  const seconds = Number(environment["PODWIRE_LOCK_TIMEOUT"] ?? DEFAULT_LIMIT_SECONDS);
  return seconds > 0 ? seconds : DEFAULT_LIMIT_SECONDS;
}

/**
 * Waits by asking again: flock(2) itself can only be cut short by a signal, and the runtime's handlers do not run
 * while it blocks. The holder works for less than a millisecond, so the pauses are as short as poll(2) makes them
 * at first; the growing ones leave the processors to the holder when many wait.
 */
function acquire(descriptor: number, folder: string, limitSeconds: number): void {
  const start = performance.now();
  for (let pause = 1; ; pause = Math.min(pause + 1, 10)) {
    const failed = tryCall("flock", descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING);
    if (failed === 0) return;
    if (failed !== -Errno.EAGAIN) throw new SystemError("flock", `${folder}/lock`, -failed);
    if (performance.now() - start > limitSeconds * 1000) throw heldTooLong(folder, limitSeconds);
    call("poll", "a pause", null, 0, pause);
  }
}

function heldTooLong(folder: string, limitSeconds: number): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `the lock ${folder}/lock was not free within ${limitSeconds} s`,
    "another IPAM process holds it, and may hang: find it with `fuser` or `lslocks`; " +
      "PODWIRE_LOCK_TIMEOUT sets another limit, in seconds",
  );
}

/** Takes the lock of a network's folder; undefined if there is no folder. Release it with unlock. */
export function lock(folder: string, limitSeconds: number): number | undefined {
  const descriptor = openLock(folder);
  if (descriptor === undefined || descriptor === UNNEEDED) return descriptor;
  try {
    acquire(descriptor, folder, limitSeconds);
    return descriptor;
  } catch (thrown) {
    closeFile(descriptor);
    throw thrown;
  }
}

/** As lock, but makes the folder if it is missing. */
export function makeAndLock(folder: string, limitSeconds: number): number {
  const first = lock(folder, limitSeconds);
  if (first !== undefined) return first;
  makeDirectory(folder, 0o755);
  const second = lock(folder, limitSeconds);
  if (second !== undefined) return second;
  throw new SystemError("open", `${folder}/lock`, Errno.ENOENT);
}

export function unlock(descriptor: number): void {
  if (descriptor !== UNNEEDED) closeFile(descriptor);
}
