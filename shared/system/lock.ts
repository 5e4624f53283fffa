/**
 * Locks on network namespaces: this process's own, for changes that attachments share, or a container's.
 *
 * flock(2) locks the namespace's file. All processes in the namespace get the same inode, nothing is written, and the
 * kernel releases the lock when its holder ends.
 */
import { closeFile, OpenFlag, openFile } from "./file.ts";
import { lockFile, lockFileShared } from "./flock.ts";
import type { Namespace } from "./netns.ts";

export interface NamespaceLock {
  /** Waits until this process is the only holder. */
  makeExclusive(): void;
  release(): void;
}

/** Takes the lock, shared with other holders. */
export function lockOwnNamespace(): NamespaceLock {
  const path = "/proc/thread-self/ns/net";
  const descriptor = openFile(path, OpenFlag.readOnly);
  lockFileShared(descriptor, path);
  return {
    makeExclusive: () => lockFile(descriptor, path),
    release: () => closeFile(descriptor),
  };
}

/** Takes an exclusive lock on a namespace, until the namespace is closed. */
export function lockNamespace({ descriptor, path }: Pick<Namespace, "descriptor" | "path">): void {
  lockFile(descriptor, path);
}

/** Runs `work` under an exclusive lock on a file, which is not changed. */
export function whileLocked(path: string, work: () => void): void {
  const descriptor = openFile(path, OpenFlag.readOnly);
  try {
    lockFile(descriptor, path);
    work();
  } finally {
    closeFile(descriptor);
  }
}
