/** What files are, without opening them: access(2), statx(2), statfs(2). */
import { Errno } from "./errno.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { decodeText } from "./text.ts";

/** Whether anything is at the path. Throws if that cannot be told. */
export function fileExists(path: string): boolean {
  const failed = tryCall("faccessat", AT_FDCWD, path, 0);
  if (failed === 0) return true;
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return false;
  throw new SystemError("access", path, -failed);
}

/** access(2) with W_OK: also false on a read-only file system, for whom nothing else is forbidden. */
export function isWritable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 2) === 0;
}

/** access(2) with X_OK. */
export function isExecutable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 1) === 0;
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

/** The path is meant from the working folder, include/uapi/linux/fcntl.h. */
export const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

function statx(directory: number, path: string, flags: number): FileStatus | undefined {
  const buffer = new Uint8Array(256);
  const failed = tryCall("statx", directory, path, flags, STATX_BASIC_STATS, buffer);
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

const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;

/** The path of what a path leads to, without symbolic links. Throws SystemError if there is nothing, or no /proc. */
export function realPath(path: string): string {
  const descriptor = call("openat", path, AT_FDCWD, path, O_PATH_CLOEXEC, 0);
  try {
    const target = new Uint8Array(4096);
    return decodeText(
      target.subarray(0, call("readlinkat", path, AT_FDCWD, `/proc/self/fd/${descriptor}`, target)),
    );
  } finally {
    tryCall("close", descriptor);
  }
}
