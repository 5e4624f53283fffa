/** flock(2): a lock on an open file, released with its last descriptor. */
import { Errno } from "./errno.ts";
import { call, SystemError, tryCall } from "./libc.ts";

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;

/** Waits for a shared lock: other shared locks do not conflict. `object` names the file in errors. */
export function lockFileShared(descriptor: number, object: string): void {
  call("flock", object, descriptor, LOCK_SHARED);
}

/** Waits for an exclusive lock. */
export function lockFile(descriptor: number, object: string): void {
  call("flock", object, descriptor, LOCK_EXCLUSIVE);
}

/** Takes an exclusive lock without waiting. Returns false if it is held. Throws SystemError. */
export function tryLockFile(descriptor: number, object: string): boolean {
  const failed = tryCall("flock", descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING);
  if (failed === 0) return true;
  if (failed === -Errno.EAGAIN) return false;
  throw new SystemError("flock", object, -failed);
}
