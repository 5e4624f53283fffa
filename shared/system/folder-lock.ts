/** The lock of a folder: a file `lock` in it, as in the reference plugin, so that both can share a folder. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { monotonicMilliseconds } from "./clock.ts";
import { makeDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, tryOpen } from "./file.ts";
import { tryLockFile } from "./flock.ts";
import { SystemError } from "./libc.ts";
import { pause } from "./poll.ts";

const DEFAULT_LIMIT_SECONDS = 30;
/** The longest pause between two attempts, in milliseconds. */
export const LONGEST_PAUSE = 10;

/** Stands for a descriptor if the lock file is missing and cannot be made. */
const NONE = -1;

/** Read-only, full, or over quota. */
const refusals: readonly number[] = [-Errno.EROFS, -Errno.ENOSPC, -Errno.EDQUOT];

/** Opens or makes the lock file. Returns the descriptor or a negated errno. */
function openLock(folder: string): number {
  return tryOpen(`${folder}/lock`, OpenFlag.readOnly | OpenFlag.create, 0o750);
}

/** The time limit for the lock in seconds; PODWIRE_LOCK_TIMEOUT overrides it. */
export function lockLimit(environment: Readonly<Record<string, string>>): number {
  const seconds = Number(environment["PODWIRE_LOCK_TIMEOUT"] ?? DEFAULT_LIMIT_SECONDS);
  return seconds > 0 ? seconds : DEFAULT_LIMIT_SECONDS;
}

function acquire(descriptor: number, folder: string, limitSeconds: number): void {
  if (!tryLockFile(descriptor, `${folder}/lock`)) wait(descriptor, folder, limitSeconds);
}

/**
 * Polls the lock: flock(2) has no time limit, and only a signal could end it. The holder needs less than a
 * millisecond, so the first pauses are as short as poll(2) allows. Growing pauses leave the processors to the holder
 * when many wait.
 */
function wait(descriptor: number, folder: string, limitSeconds: number): void {
  const end = monotonicMilliseconds() + limitSeconds * 1000;
  for (
    let length = 1;
    !tryLockFile(descriptor, `${folder}/lock`);
    length = Math.min(length + 1, LONGEST_PAUSE)
  ) {
    if (monotonicMilliseconds() > end) throw heldTooLong(folder, limitSeconds);
    pause(length);
  }
}

function heldTooLong(folder: string, limitSeconds: number): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `the lock ${folder}/lock was not free within ${limitSeconds} s`,
    "a process that holds it may hang: find it with `fuser` or `lslocks`; " +
      "PODWIRE_LOCK_TIMEOUT sets another limit, in seconds",
  );
}

function acquireOrClose(descriptor: number, folder: string, limitSeconds: number): number {
  try {
    acquire(descriptor, folder, limitSeconds);
    return descriptor;
  } catch (thrown) {
    closeFile(descriptor);
    throw thrown;
  }
}

/**
 * Takes the lock of a folder, to read or to release; undefined if the folder is missing. If the lock file is missing
 * and cannot be made, no process holds the lock or can add a reservation: the caller works without it. Release it with
 * unlock.
 */
export function lock(folder: string, limitSeconds: number): number | undefined {
  const descriptor = openLock(folder);
  if (descriptor >= 0) return acquireOrClose(descriptor, folder, limitSeconds);
  if (descriptor === -Errno.ENOENT || descriptor === -Errno.ENOTDIR) return undefined;
  if (refusals.includes(descriptor)) return NONE;
  throw new SystemError("open", `${folder}/lock`, -descriptor);
}

/** Takes the lock of a folder, to add to it. Makes the folder if needed. */
export function makeAndLock(folder: string, limitSeconds: number): number {
  let descriptor = openLock(folder);
  if (descriptor === -Errno.ENOENT) {
    makeDirectory(folder, 0o755);
    descriptor = openLock(folder);
  }
  if (descriptor < 0) throw new SystemError("open", `${folder}/lock`, -descriptor);
  return acquireOrClose(descriptor, folder, limitSeconds);
}

export function unlock(descriptor: number): void {
  if (descriptor !== NONE) closeFile(descriptor);
}
