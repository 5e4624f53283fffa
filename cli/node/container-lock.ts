/**
 * One call at a time for a container: the specification has the runtime see to that ("Lifecycle & Ordering"), and here
 * podwire is the runtime. Of two ADDs at once, the one that fails would take back what the other has made.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { sha512 } from "../../shared/system/hash.ts";
import { call } from "../../shared/system/libc.ts";
import { CACHE_FOLDER } from "./cache.ts";

const LOCK_EXCLUSIVE = 2;

/** Beside the folder of results, since each file in that is taken for one. */
const fileOf = (containerId: string) =>
  join(CACHE_FOLDER, `.podwire-lock-${sha512(containerId).slice(0, 20)}`);

/** Whether the file that was waited for has not been removed by who had it before. */
function isStillThere(descriptor: number, file: string): boolean {
  const [held, there] = [fstatSync(descriptor), statSync(file, { throwIfNoEntry: false })];
  return held.ino === there?.ino && held.dev === there.dev;
}

/** Waits for the lock; undefined where none can be made: on a read-only disk, or without being root. */
function acquire(file: string): number | undefined {
  for (;;) {
    let descriptor: number;
    try {
      mkdirSync(CACHE_FOLDER, { recursive: true, mode: 0o755 });
      descriptor = openSync(file, constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    } catch {
      return undefined;
    }
    call("flock", file, descriptor, LOCK_EXCLUSIVE);
    if (isStillThere(descriptor, file)) return descriptor;
    closeSync(descriptor);
  }
}

/** Does the work while no other podwire does any for this container. It leaves no file. */
export function whileContainerLocked<Value>(containerId: string, work: () => Value): Value {
  const file = fileOf(containerId);
  const descriptor = acquire(file);
  try {
    return work();
  } finally {
    if (descriptor !== undefined) {
      rmSync(file, { force: true });
      closeSync(descriptor);
    }
  }
}
