/** flock(2): a lock on an open file. It belongs to the open file: a child that inherits the descriptor has it, too. */
import { Errno } from "./errno.ts";
import { SystemError, tryCall } from "./libc.ts";

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;
const LOCK_UNLOCK = 8;

/** Shared locks do not conflict with each other. */
export type LockMode = "shared" | "exclusive";

/** Takes a lock without waiting. Returns false if another process has it. `object` names the file. Throws SystemError. */
export function tryLockFile(descriptor: number, object: string, mode: LockMode = "exclusive"): boolean {
  const kind = mode === "shared" ? LOCK_SHARED : LOCK_EXCLUSIVE;
  const failed = tryCall("flock", descriptor, kind | LOCK_NON_BLOCKING);
  if (failed === 0) return true;
  if (failed === -Errno.EAGAIN) return false;
  throw new SystemError("flock", object, -failed);
}

/** Releases the lock, also for children that still have the file open. */
export function unlockFile(descriptor: number): void {
  tryCall("flock", descriptor, LOCK_UNLOCK);
}
