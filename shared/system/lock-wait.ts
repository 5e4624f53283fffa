/** Waits for a lock, for a limited time. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { monotonicMilliseconds } from "./clock.ts";
import { descriptorStatus } from "./file-status.ts";
import { type LockMode, tryLockFile } from "./flock.ts";
import { lockHolders } from "./lock-holder.ts";
import { pause } from "./poll.ts";

const DEFAULT_LIMIT_SECONDS = 30;
/** The longest pause between two attempts, in milliseconds. */
export const LONGEST_PAUSE = 10;

/** The time limit for each lock in seconds; PODWIRE_LOCK_TIMEOUT overrides it. */
export function lockLimit(environment: Readonly<Record<string, string>>): number {
  const seconds = Number(environment["PODWIRE_LOCK_TIMEOUT"] ?? DEFAULT_LIMIT_SECONDS);
  return seconds > 0 ? seconds : DEFAULT_LIMIT_SECONDS;
}

export interface WantedLock {
  /** The lock's file. */
  readonly path: string;
  /** What the lock protects, in the words of an error: "the bridge cni0". */
  readonly what: string;
  readonly limitSeconds: number;
  /** The default is "exclusive". */
  readonly mode?: LockMode;
  /** Waits this many milliseconds between two attempts, and may throw. */
  readonly pause?: (milliseconds: number) => void;
}

/** The code is 11: a later call may find the lock free. */
function heldTooLong(descriptor: number, { path, what, limitSeconds }: WantedLock): CniError {
  const holders = lockHolders(descriptorStatus(descriptor));
  const who = holders.length === 0 ? "no process that is visible here" : holders.join(", ");
  const advice =
    holders.length === 0
      ? "its holder is in another PID namespace, or on another machine with the same file system"
      : "if that process hangs, end it; podwire takes the lock when it ends";
  return new CniError(
    ErrorCode.tryAgainLater,
    `another process works on ${what}: the lock ${path} was not free within ${Math.round(limitSeconds * 100) / 100} s; it is held by ${who}`,
    `${advice}; PODWIRE_LOCK_TIMEOUT sets another limit, in seconds`,
  );
}

/**
 * Waits for a lock on an open file by polling: flock(2) has no time limit, and only a signal could end it. A holder usually
 * needs less than a millisecond, so the first pauses are short. Growing pauses leave the processors to the holder when many
 * wait. Throws code 11 with the holder's PID and command.
 */
export function waitForLock(descriptor: number, wanted: WantedLock): void {
  const { path, mode, limitSeconds } = wanted;
  const wait = wanted.pause ?? pause;
  if (tryLockFile(descriptor, path, mode)) return;
  const end = monotonicMilliseconds() + limitSeconds * 1000;
  for (let length = 0.25; ; length = Math.min(length * 1.5, LONGEST_PAUSE)) {
    wait(length);
    if (tryLockFile(descriptor, path, mode)) return;
    if (monotonicMilliseconds() > end) throw heldTooLong(descriptor, wanted);
  }
}
