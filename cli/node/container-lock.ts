/**
 * A lock per container: the specification makes the runtime responsible for one call at a time ("Lifecycle &
 * Ordering"), and here podwire is the runtime. Of two ADDs at once, the one that fails would undo the other's work.
 */
import { makeDirectory } from "../../shared/system/directory.ts";
import { closeFile, OpenFlag, openFile, removeFile } from "../../shared/system/file.ts";
import { descriptorStatus, fileStatus, isSameFile } from "../../shared/system/file-status.ts";
import { lockFile } from "../../shared/system/flock.ts";
import { sha512 } from "../../shared/system/hash.ts";
import { join } from "../../shared/system/path.ts";
import { CACHE_FOLDER } from "./cache.ts";

/** Beside the folder of results, where each file counts as a result. */
const fileOf = (containerId: string) =>
  join(CACHE_FOLDER, `.podwire-lock-${sha512(containerId).slice(0, 20)}`);

/** True if the previous holder has not removed the file while we waited. */
function isStillThere(descriptor: number, file: string): boolean {
  const there = fileStatus(file);
  return there !== undefined && isSameFile(descriptorStatus(descriptor), there);
}

/** Waits for the lock. Undefined if the file cannot be made: on a read-only disk, or without root's rights. */
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

/** Runs `work` while no other podwire works on this container. Leaves no file behind. */
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
