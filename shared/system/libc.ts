/**
 * The C library: the one place that leaves JavaScript.
 *
 * Files go through it too, not through node:fs: importing that costs 0.5 ms of a 4 ms start, and flock(2),
 * setns(2) and netlink sockets are not in it. Every call is synchronous, so that errno is still this call's.
 */

import { describeErrno, Errno } from "./errno.ts";
import { type SystemCall, systemCallNumbers } from "./system-calls.ts";

// The natives themselves: the module bun:ffi would wrap each function in one that it compiles at start, 0.6 ms.
const { dlopen, ptr: addressOf, read: memory } = Bun.FFI;

/** Types of bun:ffi, by number (FFIType): int64_t as a number, a pointer. */
const long = 15;
const pointer = 12;

/** Which C library the executable is built for; scripts/build.ts puts the word here. A run without a build has glibc. */
declare const PODWIRE_LIBC: "glibc" | "musl" | undefined;

// musl takes every name that begins with "libc." for itself: ldso/dynlink.c, load_library.
const isMusl = typeof PODWIRE_LIBC === "string" && PODWIRE_LIBC === "musl";

// syscall(2), and no function for each: every symbol costs a start 12 us, and musl lacks some (statx before 1.2.5).
const { symbols } = dlopen(isMusl ? "libc.so" : "libc.so.6", {
  syscall: { args: [long, long, long, long, long, long, long], returns: long },
  __errno_location: { args: [], returns: pointer },
});
const { syscall } = symbols;

const errnoAddress = Number(symbols.__errno_location());

/** A failed system call: which, on what, and the errno. */
export class SystemError extends Error {
  readonly errno: number;

  constructor(call: string, object: string, errno: number) {
    super(`${call} ${object}: ${describeErrno(errno)}`);
    this.name = "SystemError";
    this.errno = errno;
  }
}

type Value = number | Uint8Array | null;

function toNative(value: Value): number {
  if (typeof value === "number") return value;
  return value === null || value.length === 0 ? 0 : addressOf(value);
}

/** Makes a system call; returns its value, or the negated errno. EINTR is retried. Arguments that are left out are 0. */
export function tryCall(
  call: SystemCall,
  first: Value = 0,
  second: Value = 0,
  third: Value = 0,
  fourth: Value = 0,
  fifth: Value = 0,
): number {
  const number = systemCallNumbers[call];
  for (;;) {
    const returned = Number(
      // The sixth is an address's length, for sockets that are sent to with one: ours are not.
      syscall(
        number,
        toNative(first),
        toNative(second),
        toNative(third),
        toNative(fourth),
        toNative(fifth),
        0,
      ),
    );
    if (returned !== -1) return returned;
    const errno = memory.i32(errnoAddress, 0);
    if (errno !== Errno.EINTR) return -errno;
  }
}

type Arguments = Parameters<typeof tryCall> extends [SystemCall, ...infer Rest] ? Rest : never;

/** As tryCall, but throws SystemError; `object` names what was worked on. */
export function call(name: SystemCall, object: string, ...values: Arguments): number {
  const returned = tryCall(name, ...values);
  if (returned < 0) throw new SystemError(name, object, -returned);
  return returned;
}

const encoder = new TextEncoder();

/** A C string. A NUL inside would silently name another file, so it is refused. */
export function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new SystemError("open", JSON.stringify(text), Errno.EINVAL);
  return encoder.encode(`${text}\0`);
}

/** Ends the process at once: the runtime's own teardown would cost 0.4 ms. */
export function exitNow(code: number): never {
  tryCall("exit_group", code);
  throw new Error("unreachable: exit_group returned");
}
