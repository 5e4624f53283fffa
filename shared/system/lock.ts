/**
 * The locks of podwire. A process that can open a file, for reading too, can lock it by flock(2): a file of others would
 * let them stop every call. So only root can open these, in a folder that only root can enter.
 *
 * Each file is named after what it protects. A child inherits the descriptor, so that a child that survives a killed call
 * still holds its lock.
 */
import { CniError, ErrorCode } from "../cni/error.ts";
import { monotonicMilliseconds } from "./clock.ts";
import { listDirectory } from "./directory.ts";
import { closeFile, readAt, writeAll } from "./file.ts";
import { AT_FDCWD, descriptorStatus, linkStatus } from "./file-status.ts";
import { tryLockFile, unlockFile } from "./flock.ts";
import { isPassing } from "./kernel-error.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { LOCK_FOLDER, openLockFile, prepareLockFolder, tryOpenLock } from "./lock-file.ts";
import { type WantedLock, waitForLock } from "./lock-wait.ts";
import { decodeText, encodeText } from "./text.ts";

function readWhole(descriptor: number, path: string, size: number): string {
  const buffer = new Uint8Array(size);
  return decodeText(buffer.subarray(0, readAt(descriptor, buffer, 0, path)));
}

/** A lock that this process has. */
export class Lock {
  readonly #descriptor: number;
  readonly #path: string;
  #size: number;

  constructor(descriptor: number, path: string, size: number) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#size = size;
  }

  /** The text in the file, for this and the next holders; usually empty. */
  get text(): string {
    return this.#size === 0 ? "" : readWhole(this.#descriptor, this.#path, this.#size);
  }

  write(text: string): void {
    const bytes = encodeText(text);
    call("lseek", this.#path, this.#descriptor, 0, 0);
    writeAll(this.#descriptor, bytes, this.#path);
    call("ftruncate", this.#path, this.#descriptor, bytes.length);
    this.#size = bytes.length;
  }

  /** Releases the lock, also for children of this process. The file stays. */
  release(): void {
    unlockFile(this.#descriptor);
    closeFile(this.#descriptor);
  }

  /** Removes the file, and releases the lock. Who waits for it finds that its file has no name, and opens it again. */
  remove(): void {
    // A second attempt after an error that passes: no other call removes the file before GC.
    if (this.#isNamed() && this.#unlink() < 0) this.#unlink();
    this.release();
  }

  #unlink(): number {
    return tryCall("unlinkat", AT_FDCWD, this.#path, 0);
  }

  /** If the folder was replaced, another process may have a lock of this name by now. */
  #isNamed(): boolean {
    try {
      return descriptorStatus(this.#descriptor).links > 0;
    } catch (thrown) {
      if (!(thrown instanceof SystemError)) throw thrown;
      return true;
    }
  }
}

function takeOpen(descriptor: number, wanted: WantedLock): Lock | undefined {
  try {
    waitForLock(descriptor, wanted);
    const { links, size } = descriptorStatus(descriptor);
    if (links > 0) return new Lock(descriptor, wanted.path, Number(size));
  } catch (thrown) {
    closeFile(descriptor);
    throw thrown;
  }
  closeFile(descriptor);
  return undefined;
}

function cannotHave(path: string, cause: SystemError): CniError {
  const advice = `${path} must be on a file system with room that can be written`;
  return new CniError(ErrorCode.io, `podwire cannot have its lock: ${cause.message}`, advice, cause);
}

/** Takes the lock of a file that is private to root. `prepare` makes its folder. Throws codes 5 and 11. */
export function takeLockAt(wanted: WantedLock, prepare: () => void = () => {}): Lock {
  const { path, limitSeconds } = wanted;
  const end = monotonicMilliseconds() + limitSeconds * 1000;
  try {
    for (;;) {
      // The former holder may have removed the file while this process waited.
      const lock = takeOpen(openLockFile(path, prepare), wanted);
      if (lock !== undefined) return lock;
      if (monotonicMilliseconds() > end) {
        const message = `the lock ${path} was replaced by other calls for ${limitSeconds} s`;
        throw new CniError(ErrorCode.tryAgainLater, message, "very many calls work at once: try again");
      }
    }
  } catch (thrown) {
    // An error of the moment is not the place's: DEL must not go without a lock that another call may have.
    throw thrown instanceof SystemError && thrown.kind === "io" ? cannotHave(path, thrown) : thrown;
  }
}

export type NamedLock = Omit<WantedLock, "path"> & {
  /** The name of its file. */
  readonly name: string;
};

/** Takes a lock, and waits for it. Throws code 11 after the time limit, and code 5 if its file cannot be made. */
export function takeLock({ name, ...wanted }: NamedLock): Lock {
  return takeLockAt({ ...wanted, path: `${LOCK_FOLDER}/${name}` }, prepareLockFolder);
}

/** What `take` returns; undefined if the lock's file cannot be made: then no other call can have the lock, either. */
export function unlessImpossible(take: () => Lock): Lock | undefined {
  try {
    return take();
  } catch (thrown) {
    if (thrown instanceof CniError && thrown.code === ErrorCode.io) return undefined;
    throw thrown;
  }
}

/** For what removes, which must go where no lock can be made: undefined there. Throws code 11. */
export const takeLockToRemove = (wanted: NamedLock): Lock | undefined =>
  unlessImpossible(() => takeLock(wanted));

/** The text in a lock's file, read without the lock; empty if the file is missing. Throws SystemError if that is unknown. */
export function lockText(name: string): string {
  const path = `${LOCK_FOLDER}/${name}`;
  const descriptor = tryOpenLock(path);
  if (isPassing(-descriptor)) throw new SystemError("open", path, -descriptor);
  if (descriptor < 0) return "";
  try {
    const { isFile, size } = descriptorStatus(descriptor);
    return isFile ? readWhole(descriptor, path, Number(size)) : "";
  } finally {
    closeFile(descriptor);
  }
}

/**
 * When the calls began that have a lock whose name begins so, in nanoseconds since 1970. For locks that are removed at the end of each
 * call (Lock.remove): the file is as old as the call.
 */
export function timesOfCalls(prefix: string): bigint[] {
  return listDirectory(LOCK_FOLDER).flatMap((name) => {
    if (!name.startsWith(prefix)) return [];
    const path = `${LOCK_FOLDER}/${name}`;
    const descriptor = tryOpenLock(path);
    if (isPassing(-descriptor)) throw new SystemError("open", path, -descriptor);
    if (descriptor < 0) return [];
    try {
      return tryLockFile(descriptor, path, "shared") ? [] : [descriptorStatus(descriptor).modified];
    } finally {
      closeFile(descriptor);
    }
  });
}

/** Removes the file of a lock if no process has it and it has no text. */
function removeIfFree(name: string): void {
  const path = `${LOCK_FOLDER}/${name}`;
  const descriptor = tryOpenLock(path);
  if (descriptor < 0) return;
  try {
    if (tryLockFile(descriptor, path) && descriptorStatus(descriptor).size === 0n) {
      new Lock(descriptor, path, 0).remove();
      return;
    }
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
  }
  closeFile(descriptor);
}

/** Removes the files of locks that no process has and that have no text: those of killed calls. For GC. */
export function sweepLocks(): void {
  if (linkStatus(LOCK_FOLDER)?.isDirectory !== true) return;
  for (const name of listDirectory(LOCK_FOLDER)) removeIfFree(name);
}

/**
 * Runs `work` under a lock whose file is gone afterwards. It works without the lock if `isRemoval` and no lock can be made. Throws
 * codes 5 and 11.
 */
export function whileLocked<Value>(wanted: NamedLock, isRemoval: boolean, work: () => Value): Value {
  let lock: Lock | undefined;
  try {
    lock = isRemoval ? takeLockToRemove(wanted) : takeLock(wanted);
    return work();
  } finally {
    if (lock !== undefined) lock.remove();
    // An attempt that failed may have made the file.
    else removeIfFree(wanted.name);
  }
}
