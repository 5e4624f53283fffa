/** Files. Errors are SystemError with the path. */

import { Errno, isAbsence } from "./errno.ts";
import { AT_FDCWD, descriptorStatus, type FileStatus, fileExists } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { decodeText, encodeText } from "./text.ts";

/** open(2) flags, include/uapi/asm-generic/fcntl.h. */
export const OpenFlag = {
  readOnly: 0,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  nonBlocking: 0o4000,
  directory: native.architecture === "arm64" ? 0o40000 : 0o200000,
  noFollow: native.architecture === "arm64" ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  /** Only a location in the file system: the descriptor can neither read nor write. */
  path: 0o10000000,
} as const;

/** Several times the largest text that podwire reads: a device has no end, and a sparse file may have terabytes. */
export const MOST_BYTES = 32 << 20;
const SMALL_FILE = 1024;

/** Opens a file. Returns the descriptor. Always sets O_CLOEXEC. */
export function openFile(path: string, flags: number, mode = 0): number {
  const descriptor = tryOpen(path, flags, mode);
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  return descriptor;
}

/** The same, but returns the negated errno on failure. */
export function tryOpen(path: string, flags: number, mode = 0): number {
  return tryCall("openat", AT_FDCWD, path, flags | OpenFlag.closeOnExec, mode);
}

/** As tryOpen, for a descriptor that children inherit. */
export function tryOpenInherited(path: string, flags: number, mode = 0): number {
  return tryCall("openat", AT_FDCWD, path, flags, mode);
}

export function closeFile(descriptor: number): void {
  tryCall("close", descriptor);
}

/**
 * Reads to the end of a descriptor, or until it has more than `most` bytes. `wait` is called before each read, and may
 * throw.
 */
export function readAll(
  descriptor: number,
  object: string,
  wait?: () => void,
  most = Number.POSITIVE_INFINITY,
): Uint8Array {
  let buffer = new Uint8Array(4096);
  let used = 0;
  for (;;) {
    wait?.();
    const count = call("read", object, descriptor, buffer.subarray(used));
    used += count;
    if (count === 0 || used > most) return buffer.subarray(0, used);
    if (used === buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** Fills a buffer from a position of a file. Returns the number of bytes. pread(2). */
export function readAt(descriptor: number, buffer: Uint8Array, position: number, object: string): number {
  return call("pread64", object, descriptor, buffer, position);
}

/** The result of one read: a small file or kernel parameter at the cost of one system call. */
function readOnce(descriptor: number, object: string): Uint8Array {
  const buffer = new Uint8Array(SMALL_FILE);
  return buffer.subarray(0, call("read", object, descriptor, buffer));
}

/** The text of a file of up to 1 KB, such as a kernel parameter; undefined if it does not exist. */
export function readSmallText(path: string): string | undefined {
  return readPresent(path, readOnce);
}

function readLimited(descriptor: number, path: string): Uint8Array {
  const bytes = readAll(descriptor, path, undefined, MOST_BYTES);
  if (bytes.length > MOST_BYTES) throw new SystemError("read", path, Errno.EFBIG);
  return bytes;
}

/** A file's text; undefined if it does not exist. Throws SystemError (EFBIG) for more than MOST_BYTES. */
export function readTextIfPresent(path: string): string | undefined {
  return readPresent(path, readLimited);
}

function readPresent(
  path: string,
  read: (descriptor: number, object: string) => Uint8Array,
): string | undefined {
  // A FIFO must not block the call.
  const descriptor = tryOpen(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  if (isAbsence(-descriptor)) return undefined;
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  try {
    return decodeText(read(descriptor, path));
  } finally {
    closeFile(descriptor);
  }
}

/** A file's text. */
export function readText(path: string): string {
  const text = readTextIfPresent(path);
  if (text === undefined) throw new SystemError("open", path, Errno.ENOENT);
  return text;
}

/** Writes all bytes to a descriptor. */
export function writeAll(descriptor: number, data: string | Uint8Array, object: string): void {
  let rest = typeof data === "string" ? encodeText(data) : data;
  while (rest.length > 0) {
    const written = call("write", object, descriptor, rest);
    rest = rest.subarray(written);
  }
}

/** Writes a file from its start, and makes it if needed. Refuses a symbolic link. Returns the file's new status. */
export function writeFile(
  path: string,
  text: string,
  mode: number,
  flags: number = OpenFlag.truncate,
): FileStatus {
  const always = OpenFlag.writeOnly | OpenFlag.create | OpenFlag.noFollow;
  const descriptor = openFile(path, always | flags, mode);
  try {
    writeAll(descriptor, text, path);
    return descriptorStatus(descriptor);
  } finally {
    closeFile(descriptor);
  }
}

/** Renames a file, and replaces the target. rename(2) is atomic: the name is always the old or the new file. */
export function renameFile(from: string, to: string): void {
  call("renameat2", to, AT_FDCWD, from, AT_FDCWD, to, 0);
}

const RENAME_NOREPLACE = 1;

/** Renames a file to a free name. Returns false if the name is taken. */
export function renameToFreeName(from: string, to: string): boolean {
  const failed = tryCall("renameat2", AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  if (failed === 0) return true;
  if (failed === -Errno.EEXIST) return false;
  // rename(2): EINVAL, "the filesystem does not support one of the flags", as on NFS.
  if (failed !== -Errno.EINVAL) throw new SystemError("rename", to, -failed);
  if (fileExists(to)) return false;
  renameFile(from, to);
  return true;
}

/** Sets the permissions of an open file. */
export function setPermissions(descriptor: number, mode: number, object: string): void {
  call("fchmod", object, descriptor, mode);
}

/** Waits until an open file, or an open folder's names, are on disk. */
export function syncFile(descriptor: number, object: string): void {
  call("fsync", object, descriptor);
}

/** Sets a file's modification and access time, in nanoseconds since 1970. */
export function setModified(path: string, nanoseconds: bigint): void {
  const seconds = nanoseconds / 1_000_000_000n;
  const rest = nanoseconds % 1_000_000_000n;
  // Two struct timespec (access, modification) of two 64-bit numbers each.
  const times = BigInt64Array.of(seconds, rest, seconds, rest);
  call("utimensat", path, AT_FDCWD, path, new Uint8Array(times.buffer), 0);
}

/** Gives a file a second, free name. Returns false if the name is taken. link(2): of several callers one succeeds. */
export function linkToFreeName(file: string, name: string): boolean {
  const failed = tryCall("linkat", AT_FDCWD, file, AT_FDCWD, name, 0);
  if (failed === -Errno.EEXIST) return false;
  if (failed < 0) throw new SystemError("link", name, -failed);
  return true;
}

/** Removes a file. Returns false if it did not exist. */
export function removeFile(path: string): boolean {
  const failed = tryCall("unlinkat", AT_FDCWD, path, 0);
  if (isAbsence(-failed)) return false;
  if (failed < 0) throw new SystemError("unlink", path, -failed);
  return true;
}

/** The target of a symbolic link, or the negated errno of readlink(2). */
export function tryReadLink(path: string): string | number {
  const buffer = new Uint8Array(4096);
  const length = tryCall("readlinkat", AT_FDCWD, path, buffer);
  return length < 0 ? length : decodeText(buffer.subarray(0, length));
}

/** The target of a symbolic link; undefined if the path is not a link. Throws SystemError if that is unknown. */
export function readLink(path: string): string | undefined {
  const target = tryReadLink(path);
  if (typeof target === "string") return target;
  if (isAbsence(-target) || target === -Errno.EINVAL) return undefined;
  throw new SystemError("readlink", path, -target);
}
