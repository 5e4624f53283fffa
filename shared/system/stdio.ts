/** Standard input, output and error. */
import { Errno } from "./errno.ts";
import { OpenFlag, readAll, tryOpen, writeAll } from "./file.ts";
import { SystemError, tryCall } from "./libc.ts";

const F_GETFD = 1;

/**
 * Opens the standard streams that the caller closed. Otherwise a later file would get such a number, and output would
 * go into it. Reading and writing them still fails.
 */
export function openStandardStreams(): void {
  for (let descriptor = 0; descriptor <= 2; descriptor++)
    if (tryCall("fcntl", descriptor, F_GETFD, 0) === -Errno.EBADF) tryOpen("/", OpenFlag.path);
}

/** Reads standard input to its end, or until it has more than `most` bytes. A closed one is empty. */
export function readStandardInput(most = Number.POSITIVE_INFINITY): Uint8Array {
  try {
    return readAll(0, "standard input", undefined, most);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === Errno.EBADF) return new Uint8Array(0);
    throw thrown;
  }
}

export function writeStandardOutput(text: string): void {
  writeAll(1, text, "standard output");
}

export function writeStandardError(text: string): void {
  writeAll(2, text, "standard error");
}

/** True if standard output is a terminal: only terminals have a struct termios, which takes 36 bytes. */
export function isStandardOutputTerminal(): boolean {
  return tryCall("tcgets", 1, new Uint8Array(36)) === 0;
}
