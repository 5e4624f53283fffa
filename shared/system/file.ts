/** Files, synchronously, through the C library. Errors are SystemError with the path in them. */
import { Errno } from "./errno.ts";
import { call, cString, SystemError, tryCall } from "./libc.ts";

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
  directory: process.arch === "arm64" ? 0o40000 : 0o200000,
  noFollow: process.arch === "arm64" ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
} as const;

const SMALL_FILE = 1024;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Opens a file; returns the descriptor. O_CLOEXEC is always set. */
export function openFile(path: string, flags: number, mode = 0): number {
  return call("open", path, cString(path), flags | OpenFlag.closeOnExec, mode);
}

export function closeFile(descriptor: number): void {
  tryCall("close", descriptor);
}

/** Reads to the end of an open descriptor. */
export function readAll(descriptor: number, object: string): Uint8Array {
  let buffer = new Uint8Array(4096);
  let used = 0;
  for (;;) {
    const count = call("read", object, descriptor, buffer.subarray(used), buffer.length - used);
    if (count === 0) return buffer.subarray(0, used);
    used += count;
    if (used === buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** What one read gives: the whole of a small file or kernel parameter, at the price of one call. */
function readOnce(descriptor: number, object: string): Uint8Array {
  const buffer = new Uint8Array(SMALL_FILE);
  return buffer.subarray(0, call("read", object, descriptor, buffer, buffer.length));
}

/** The text of a file of up to 1 KB, such as a kernel parameter, or undefined if there is no such file. */
export function readSmallText(path: string): string | undefined {
  return readPresent(path, readOnce);
}

/** A file's text, or undefined if there is no such file. */
export function readTextIfPresent(path: string): string | undefined {
  return readPresent(path, readAll);
}

function readPresent(path: string, read: typeof readAll): string | undefined {
  const descriptor = tryCall("open", cString(path), OpenFlag.readOnly | OpenFlag.closeOnExec, 0);
  if (descriptor === -Errno.ENOENT || descriptor === -Errno.ENOTDIR) return undefined;
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  try {
    return decoder.decode(read(descriptor, path));
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
  let rest = typeof data === "string" ? encoder.encode(data) : data;
  while (rest.length > 0) {
    const written = call("write", object, descriptor, rest, rest.length);
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

const RENAME_NOREPLACE = 1;

/** Moves a file to a name that must be free; false if it is taken. */
export function moveToFreeName(from: string, to: string): boolean {
  const [source, target] = [cString(from), cString(to)];
  const failed = tryCall("renameat2", AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE);
  if (failed === 0) return true;
  if (failed === -Errno.EEXIST) return false;
  // rename(2): EINVAL, "the filesystem does not support one of the flags", such as NFS.
  if (failed !== -Errno.EINVAL) throw new SystemError("rename", to, -failed);
  if (fileExists(to)) return false;
  call("rename", to, source, target);
  return true;
}

/** Sets a file's time of change (and of access), in nanoseconds since 1970. */
export function setModified(path: string, nanoseconds: bigint): void {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  const rest = Number(nanoseconds % 1_000_000_000n);
  // Two struct timespec, access and modification, of two 64-bit numbers each.
  const times = new Uint8Array(32);
  putNumber(times, 0, seconds);
  putNumber(times, 8, rest);
  putNumber(times, 16, seconds);
  putNumber(times, 24, rest);
  call("utimensat", path, AT_FDCWD, cString(path), times, 0);
}

/** Little-endian, as on every processor the runtime knows. BigInt64Array and DataView cost 40 us when first used. */
function putNumber(bytes: Uint8Array, start: number, value: number): void {
  let rest = value;
  for (let at = start; rest > 0; at++) {
    bytes[at] = rest % 256;
    rest = (rest - (rest % 256)) / 256;
  }
}

/** Whether anything is at the path. Throws if that cannot be told. */
export function fileExists(path: string): boolean {
  const failed = tryCall("access", cString(path), 0);
  if (failed === 0) return true;
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return false;
  throw new SystemError("access", path, -failed);
}

/** access(2) with W_OK: also false on a read-only file system, for whom nothing else is forbidden. */
export function isWritable(path: string): boolean {
  return tryCall("access", cString(path), 2) === 0;
}

/** Whether the file system of a folder has no block or no inode left. */
export function isFull(folder: string): boolean {
  const descriptor = openFile(folder, OpenFlag.readOnly | OpenFlag.directory);
  try {
    const view = new DataView(new ArrayBuffer(256));
    call("fstatfs", folder, descriptor, new Uint8Array(view.buffer));
    // struct statfs on 64-bit: blocks 16, bfree 24, files 40, ffree 48. Without a limit, the total is 0.
    const isSpent = (total: number, free: number) =>
      view.getBigUint64(total, true) > 0n && view.getBigUint64(free, true) === 0n;
    return isSpent(16, 24) || isSpent(40, 48);
  } finally {
    closeFile(descriptor);
  }
}

/** access(2) with X_OK. */
export function isExecutable(path: string): boolean {
  return tryCall("access", cString(path), 1) === 0;
}

/** What statx(2) says of a file. Times are in nanoseconds since 1970. */
export interface FileStatus {
  readonly device: string;
  readonly inode: bigint;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly size: bigint;
  readonly modified: bigint;
}

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

function statx(directory: number, path: string, flags: number): FileStatus | undefined {
  const buffer = new Uint8Array(256);
  const failed = tryCall("statx", directory, cString(path), flags, STATX_BASIC_STATS, buffer);
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return undefined;
  if (failed < 0) throw new SystemError("statx", path, -failed);
  const view = new DataView(buffer.buffer);
  // struct statx, include/uapi/linux/stat.h: mode 0x1c, ino 0x20, size 0x28, mtime 0x70, dev major/minor 0x88.
  const type = view.getUint16(0x1c, true) & 0o170000;
  return {
    device: `${view.getUint32(0x88, true)}:${view.getUint32(0x8c, true)}`,
    inode: view.getBigUint64(0x20, true),
    isFile: type === 0o100000,
    isDirectory: type === 0o040000,
    size: view.getBigUint64(0x28, true),
    modified: view.getBigInt64(0x70, true) * 1_000_000_000n + BigInt(view.getUint32(0x78, true)),
  };
}

/** What the path leads to (symbolic links followed), or undefined if nothing is there. */
export function fileStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, path, 0);
}

/** What an open descriptor refers to. */
export function descriptorStatus(descriptor: number): FileStatus {
  const status = statx(descriptor, "", AT_EMPTY_PATH);
  if (status === undefined) throw new SystemError("statx", `descriptor ${descriptor}`, Errno.ENOENT);
  return status;
}

/** Whether two files are the same one. */
export function isSameFile(a: FileStatus, b: FileStatus): boolean {
  return a.inode === b.inode && a.device === b.device;
}

/** Removes a file; a missing one is fine. Returns whether there was one. */
export function removeFile(path: string): boolean {
  const failed = tryCall("unlink", cString(path));
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return false;
  if (failed < 0) throw new SystemError("unlink", path, -failed);
  return true;
}

/** Makes a folder and its missing parents; existing ones are fine. */
export function makeDirectory(path: string, mode: number): void {
  const failed = tryCall("mkdir", cString(path), mode);
  if (failed === 0 || failed === -Errno.EEXIST) return;
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (failed !== -Errno.ENOENT || parent === "") throw new SystemError("mkdir", path, -failed);
  makeDirectory(parent, mode);
  const again = tryCall("mkdir", cString(path), mode);
  // Another process may have made it meanwhile.
  if (again !== 0 && again !== -Errno.EEXIST) throw new SystemError("mkdir", path, -again);
}

/** The names in a folder, without "." and ".."; none if the folder is missing. */
export function listDirectory(path: string): string[] {
  const flags = OpenFlag.readOnly | OpenFlag.directory | OpenFlag.closeOnExec;
  const descriptor = tryCall("open", cString(path), flags, 0);
  if (descriptor === -Errno.ENOENT) return [];
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  try {
    return readEntries(descriptor, path);
  } finally {
    closeFile(descriptor);
  }
}

function readEntries(descriptor: number, path: string): string[] {
  const names: string[] = [];
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const filled = call("getdents64", path, descriptor, buffer, buffer.length);
    if (filled === 0) return names;
    // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name (NUL-terminated).
    for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
      const end = buffer.indexOf(0, at + 19);
      const name = decoder.decode(buffer.subarray(at + 19, end));
      if (name !== "." && name !== "..") names.push(name);
    }
  }
}

/** The target of a symbolic link, or undefined if it is none. */
export function readLink(path: string): string | undefined {
  const buffer = new Uint8Array(4096);
  const length = tryCall("readlink", cString(path), buffer, buffer.length);
  return length < 0 ? undefined : decoder.decode(buffer.subarray(0, length));
}
