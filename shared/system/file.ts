/** Files. Errors are SystemError with the path in them. */

import { Errno } from "./errno.ts";
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
  /** Only a place in the file system: nothing can be read or written. */
  path: 0o10000000,
} as const;

const SMALL_FILE = 1024;

/** Opens a file; returns the descriptor. O_CLOEXEC is always set. */
export function openFile(path: string, flags: number, mode = 0): number {
  const descriptor = tryOpen(path, flags, mode);
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  return descriptor;
}

/** The same, but returns the negated errno when it fails. */
export function tryOpen(path: string, flags: number, mode = 0): number {
  return tryCall("openat", AT_FDCWD, path, flags | OpenFlag.closeOnExec, mode);
}

export function closeFile(descriptor: number): void {
  tryCall("close", descriptor);
}

/**
 * Reads to the end of an open descriptor, or until there are more than `most` bytes. `wait` is called before each read, and may
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

/** Fills a buffer from a position of a file on; returns how many bytes there were. pread(2). */
export function readAt(descriptor: number, buffer: Uint8Array, position: number, object: string): number {
  return call("pread64", object, descriptor, buffer, position);
}

/** What one read gives: the whole of a small file or kernel parameter, at the price of one call. */
function readOnce(descriptor: number, object: string): Uint8Array {
  const buffer = new Uint8Array(SMALL_FILE);
  return buffer.subarray(0, call("read", object, descriptor, buffer));
}

/** The text of a file of up to 1 KB, such as a kernel parameter, or undefined if there is no such file. */
export function readSmallText(path: string): string | undefined {
  return readPresent(path, readOnce);
}

/** A file's text, or undefined if there is no such file. */
export function readTextIfPresent(path: string): string | undefined {
  return readPresent(path, readAll);
}

function readPresent(
  path: string,
  read: (descriptor: number, object: string) => Uint8Array,
): string | undefined {
  const descriptor = tryOpen(path, OpenFlag.readOnly);
  if (descriptor === -Errno.ENOENT || descriptor === -Errno.ENOTDIR) return undefined;
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

/** Writes all bytes to an open descriptor. */
export function writeAll(descriptor: number, data: string | Uint8Array, object: string): void {
  let rest = typeof data === "string" ? encodeText(data) : data;
  while (rest.length > 0) {
    const written = call("write", object, descriptor, rest);
    rest = rest.subarray(written);
  }
}

/** Overwrites a file that exists (or a sysctl) in one write. */
export function writeExisting(path: string, text: string): void {
  const descriptor = openFile(path, OpenFlag.writeOnly | OpenFlag.truncate);
  try {
    writeAll(descriptor, text, path);
  } finally {
    closeFile(descriptor);
  }
}

/** Writes a file from its start, making it if need be; a symbolic link there is refused. Returns what was written. */
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

/** Moves a file to a name, in the place of what has it. rename(2): at any moment the name is the old or the new file. */
export function renameFile(from: string, to: string): void {
  call("renameat2", to, AT_FDCWD, from, AT_FDCWD, to, 0);
}

const RENAME_NOREPLACE = 1;

/** Moves a file to a name that must be free; false if it is taken. */
export function moveToFreeName(from: string, to: string): boolean {
  const failed = tryCall("renameat2", AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  if (failed === 0) return true;
  if (failed === -Errno.EEXIST) return false;
  // rename(2): EINVAL, "the filesystem does not support one of the flags", such as NFS.
  if (failed !== -Errno.EINVAL) throw new SystemError("rename", to, -failed);
  if (fileExists(to)) return false;
  renameFile(from, to);
  return true;
}

/** Sets who may do what with an open file. */
export function setPermissions(descriptor: number, mode: number, object: string): void {
  call("fchmod", object, descriptor, mode);
}

/** Waits until an open file, or the names in an open folder, are on the disk. */
export function syncFile(descriptor: number, object: string): void {
  call("fsync", object, descriptor);
}

/** Sets a file's time of change (and of access), in nanoseconds since 1970. */
export function setModified(path: string, nanoseconds: bigint): void {
  const seconds = nanoseconds / 1_000_000_000n;
  const rest = nanoseconds % 1_000_000_000n;
  // Two struct timespec, access and modification, of two 64-bit numbers each.
  const times = BigInt64Array.of(seconds, rest, seconds, rest);
  call("utimensat", path, AT_FDCWD, path, new Uint8Array(times.buffer), 0);
}

/** Gives a file another name, which must be free; false if it is taken. link(2): of many that try, one succeeds. */
export function linkToFreeName(file: string, name: string): boolean {
  const failed = tryCall("linkat", AT_FDCWD, file, AT_FDCWD, name, 0);
  if (failed === -Errno.EEXIST) return false;
  if (failed < 0) throw new SystemError("link", name, -failed);
  return true;
}

/** Removes a file; a missing one is fine. Returns whether there was one. */
export function removeFile(path: string): boolean {
  const failed = tryCall("unlinkat", AT_FDCWD, path, 0);
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return false;
  if (failed < 0) throw new SystemError("unlink", path, -failed);
  return true;
}

/** The target of a symbolic link, or the negated errno of readlink(2). */
export function tryReadLink(path: string): string | number {
  const buffer = new Uint8Array(4096);
  const length = tryCall("readlinkat", AT_FDCWD, path, buffer);
  return length < 0 ? length : decodeText(buffer.subarray(0, length));
}

/** The target of a symbolic link, or undefined if it is none. */
export function readLink(path: string): string | undefined {
  const target = tryReadLink(path);
  return typeof target === "number" ? undefined : target;
}
