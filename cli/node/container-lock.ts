/**
 * One call at a time for a container: the specification has the runtime see to that ("Lifecycle & Ordering"), and here
 * podwire is the runtime. Of two ADDs at once, the one that fails would take back what the other has made.
 */
import { makeDirectory } from "../../shared/system/directory.ts";
import { closeFile, OpenFlag, openFile, removeFile } from "../../shared/system/file.ts";
import { descriptorStatus, fileStatus, isSameFile } from "../../shared/system/file-status.ts";
import { lockFile } from "../../shared/system/flock.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { join } from "../../shared/system/path.ts";
import { CACHE_FOLDER } from "./cache.ts";

/** Beside the folder of results, since each file in that is taken for one. */
const fileOf = (containerId: string) =>
  join(CACHE_FOLDER, `.podwire-lock-${sha512(containerId).slice(0, 20)}`);

/** Whether the file that was waited for has not been removed by who had it before. */
function isStillThere(descriptor: number, file: string): boolean {
  const there = fileStatus(file);
  return there !== undefined && isSameFile(descriptorStatus(descriptor), there);
}

/** Waits for the lock; undefined where none can be made: on a read-only disk, or without being root. */
function acquire(file: string): number | undefined {
  for (;;) {
    let descriptor: number;
    try {
      makeDirectory(CACHE_FOLDER, 0o755);
      descriptor = openFile(file, OpenFlag.readOnly | OpenFlag.create | OpenFlag.noFollow, 0o600);
    } catch {
      return undefined;
    }
    lockFile(descriptor, file);
    if (isStillThere(descriptor, file)) return descriptor;
    closeFile(descriptor);
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
      removeFile(file);
      closeFile(descriptor);
    }
  }
}
