/** flock(2): a lock on an open file, which is gone with its last descriptor. */
import { Errno } from "./errno.ts";
import { call, SystemError, tryCall } from "./libc.ts";

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;

/** Waits until no other open file of the same path is locked, but by this function. `object` names it in errors. */
export function lockFileShared(descriptor: number, object: string): void {
  call("flock", object, descriptor, LOCK_SHARED);
}

/** Waits until no other open file of the same path is locked, and keeps all others from it. */
export function lockFile(descriptor: number, object: string): void {
  call("flock", object, descriptor, LOCK_EXCLUSIVE);
}

/** Locks it, unless another open file of the same path is locked; returns whether it did. Throws SystemError. */
export function tryLockFile(descriptor: number, object: string): boolean {
  const failed = tryCall("flock", descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING);
  if (failed === 0) return true;
  if (failed === -Errno.EAGAIN) return false;
  throw new SystemError("flock", object, -failed);
}
