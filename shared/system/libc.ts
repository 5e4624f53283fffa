/**
 * The C library: the one place that leaves JavaScript.
 *
 * Files go through it too, not through node:fs: importing that costs 0.5 ms of a 4 ms start, and flock(2),
 * setns(2) and netlink sockets are not in it. Every call is synchronous, so that errno is still this call's.
 */

import { describeErrno, Errno } from "./errno.ts";

// The natives themselves: the module bun:ffi would wrap each function in one that it compiles at start, 0.6 ms.
const { dlopen, ptr: addressOf, read: memory } = Bun.FFI;

/** Types of bun:ffi, by number (FFIType): int32_t, uint32_t, uint64_t, int64_t as a number, void, a pointer. */
const int = 5;
const unsigned = 6;
const size = 8;
const long = 15;
const nothing = 13;
const pointer = 12;

const signatures = {
  open: { args: [pointer, int, int], returns: int },
  close: { args: [int], returns: int },
  read: { args: [int, pointer, size], returns: long },
  write: { args: [int, pointer, size], returns: long },
  fsync: { args: [int], returns: int },
  lseek: { args: [int, long, int], returns: long },
  fcntl: { args: [int, int, int], returns: int },
  memfd_create: { args: [pointer, unsigned], returns: int },
  flock: { args: [int, int], returns: int },
  link: { args: [pointer, pointer], returns: int },
  unlink: { args: [pointer], returns: int },
  rename: { args: [pointer, pointer], returns: int },
  renameat2: { args: [int, pointer, int, pointer, unsigned], returns: int },
  mkdir: { args: [pointer, int], returns: int },
  rmdir: { args: [pointer], returns: int },
  access: { args: [pointer, int], returns: int },
  readlink: { args: [pointer, pointer, size], returns: long },
  statx: { args: [int, pointer, int, unsigned, pointer], returns: int },
  utimensat: { args: [int, pointer, pointer, int], returns: int },
  getdents64: { args: [int, pointer, size], returns: long },
  fstatfs: { args: [int, pointer], returns: int },
  setns: { args: [int, int], returns: int },
  socket: { args: [int, int, int], returns: int },
  bind: { args: [int, pointer, unsigned], returns: int },
  setsockopt: { args: [int, int, int, pointer, unsigned], returns: int },
  getsockopt: { args: [int, int, int, pointer, pointer], returns: int },
  send: { args: [int, pointer, size, int], returns: long },
  recv: { args: [int, pointer, size, int], returns: long },
  poll: { args: [pointer, size, int], returns: int },
  _exit: { args: [int], returns: nothing },
  __errno_location: { args: [], returns: pointer },
} as const;

/** Which C library the executable is built for; scripts/build.ts puts the word here. A run without a build has glibc. */
declare const PODWIRE_LIBC: "glibc" | "musl" | undefined;

/** The functions by name. A branch for musl is no part of what is built for glibc. */
function openLibrary() {
  if (typeof PODWIRE_LIBC === "string" && PODWIRE_LIBC === "musl") {
    return (require("./musl.ts") as typeof import("./musl.ts")).openMusl(signatures);
  }
  return dlopen("libc.so.6", signatures);
}

const library = openLibrary();

const errnoAddress = Number(library.symbols.__errno_location());

/** A failed system call: which, on what, and the errno. */
export class SystemError extends Error {
  readonly errno: number;

  constructor(call: string, object: string, errno: number) {
    super(`${call} ${object}: ${describeErrno(errno)}`);
    this.name = "SystemError";
    this.errno = errno;
  }
}

type Call = Exclude<keyof typeof library.symbols, "__errno_location" | "_exit">;
type Value = number | bigint | Uint8Array | null;

function toNative(value: Value): number | bigint | null {
  if (typeof value !== "object" || value === null) return value;
  return value.length === 0 ? null : addressOf(value);
}

/** Makes a system call; returns its value, or the negated errno. EINTR is retried. */
export function tryCall(call: Call, ...values: Value[]): number {
  for (;;) {
    const returned = Number(library.symbols[call](...values.map(toNative)));
    if (returned !== -1) return returned;
    const errno = memory.i32(errnoAddress, 0);
    if (errno !== Errno.EINTR) return -errno;
  }
}

/** As tryCall, but throws SystemError; `object` names what was worked on. */
export function call(name: Call, object: string, ...values: Value[]): number {
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
  library.symbols._exit(code);
  throw new Error("unreachable: _exit returned");
}
