/**
 * A lock on a network namespace: on the one this process runs in, for changes to what attachments share, or on that of a
 * container.
 *
 * flock(2) on the namespace's own file: every process in the namespace gets the same inode, nothing is written
 * anywhere, and the lock is gone with its holder.
 */
import { closeFile, OpenFlag, openFile } from "./file.ts";
import { lockFile, lockFileShared } from "./flock.ts";
import type { Namespace } from "./netns.ts";

export interface NamespaceLock {
  /** Waits until this is the only holder. */
  makeExclusive(): void;
  release(): void;
}

/** Takes the lock, shared with every other holder that did not make it exclusive. */
export function lockOwnNamespace(): NamespaceLock {
  const path = "/proc/thread-self/ns/net";
  const descriptor = openFile(path, OpenFlag.readOnly);
  lockFileShared(descriptor, path);
  return {
    makeExclusive: () => lockFile(descriptor, path),
    release: () => closeFile(descriptor),
  };
}

/** Waits until this is the only holder of a namespace's lock, and keeps it until the namespace is closed. */
export function lockNamespace({ descriptor, path }: Pick<Namespace, "descriptor" | "path">): void {
  lockFile(descriptor, path);
}

/** Does the work while no other process does any under the lock of the same file, which is opened and not changed. */
export function whileLocked(path: string, work: () => void): void {
  const descriptor = openFile(path, OpenFlag.readOnly);
  try {
    lockFile(descriptor, path);
    work();
  } finally {
    closeFile(descriptor);
  }
}
