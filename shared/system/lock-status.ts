/** STATUS of locks: whether a call could take them. Makes and changes nothing. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { closeFile } from "./file.ts";
import { unlockFile } from "./flock.ts";
import type { NamedLock } from "./lock.ts";
import { LOCK_FOLDER, tryOpenLock } from "./lock-file.ts";
import { waitForLock } from "./lock-wait.ts";
import { ownFolderProblem } from "./writable.ts";

/** A runtime asks often, and waits for the answer. A call needs the lock for milliseconds. */
const SHARE = 3;

/** The time that STATUS waits for a lock: a third of ADD's limit. */
export const statusLimit = (limitSeconds: number): number => limitSeconds / SHARE;

/** Runs the work. What ADD may find passing (code 11) keeps STATUS from being well now: code 50. */
export function asStatus<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof CniError) || thrown.code !== ErrorCode.tryAgainLater) throw thrown;
    throw new CniError(ErrorCode.notAvailable, thrown.message, thrown.details, thrown);
  }
}

/** Throws code 50 if podwire cannot make the files of its locks, without which no ADD works. */
export function checkLockFolder(): void {
  const problem = ownFolderProblem(LOCK_FOLDER);
  if (problem === undefined) return;
  throw new CniError(
    ErrorCode.notAvailable,
    `podwire cannot have its locks: ${problem}`,
    "/run must be a file system that can be written, with free space: mount a tmpfs there",
  );
}

/** Throws code 50, with the holder's PID and command, if another process has the lock alone for the time of `statusLimit`. */
export function checkLock({ name, ...wanted }: NamedLock): void {
  const path = `${LOCK_FOLDER}/${name}`;
  const descriptor = tryOpenLock(path);
  // Without the file, no process has the lock.
  if (descriptor < 0) return;
  try {
    const limitSeconds = statusLimit(wanted.limitSeconds);
    asStatus(() => waitForLock(descriptor, { ...wanted, path, limitSeconds, mode: "shared" }));
    unlockFile(descriptor);
  } finally {
    closeFile(descriptor);
  }
}
