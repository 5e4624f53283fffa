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

/** access(2) with F_OK: also false where it cannot be told. */
export function isReachable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 0) === 0;
}

/** access(2) with W_OK: also false on a read-only file system, for whom nothing else is forbidden. */
export function isWritable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 2) === 0;
}

/** access(2) with X_OK. */
export function isExecutable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 1) === 0;
}

/** What a file can be; S_IFMT of the mode, include/uapi/linux/stat.h. */
const kinds = {
  [0o100000]: "file",
  [0o040000]: "directory",
  [0o120000]: "link",
  [0o010000]: "fifo",
  [0o140000]: "socket",
  [0o020000]: "device",
  [0o060000]: "device",
} as const;

/** What statx(2) says of a file. Times are in nanoseconds since 1970. */
export interface FileStatus {
  readonly device: string;
  readonly inode: bigint;
  readonly kind: (typeof kinds)[keyof typeof kinds];
  /** The mode without the kind: who may do what, and the set-user-ID, set-group-ID and sticky bits. */
  readonly permissions: number;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly size: bigint;
  readonly modified: bigint;
}

/** The path is meant from the working folder, include/uapi/linux/fcntl.h. */
export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

function statx(directory: number, path: string, flags: number): FileStatus | undefined {
  const buffer = new Uint8Array(256);
  const failed = tryCall("statx", directory, path, flags, STATX_BASIC_STATS, buffer);
  if (failed === -Errno.ENOENT || failed === -Errno.ENOTDIR) return undefined;
  if (failed < 0) throw new SystemError("statx", path, -failed);
  const view = new DataView(buffer.buffer);
  // struct statx, include/uapi/linux/stat.h: mode 0x1c, ino 0x20, size 0x28, mtime 0x70, dev major/minor 0x88.
  const mode = view.getUint16(0x1c, true);
  const kind = kinds[(mode & 0o170000) as keyof typeof kinds];
  return {
    device: `${view.getUint32(0x88, true)}:${view.getUint32(0x8c, true)}`,
    inode: view.getBigUint64(0x20, true),
    kind,
    permissions: mode & 0o7777,
    isFile: kind === "file",
    isDirectory: kind === "directory",
    size: view.getBigUint64(0x28, true),
    modified: view.getBigInt64(0x70, true) * 1_000_000_000n + BigInt(view.getUint32(0x78, true)),
  };
}

/** What the path leads to (symbolic links followed), or undefined if nothing is there. */
export function fileStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, path, 0);
}

/** What is at the path, a symbolic link itself and not what it leads to; undefined if nothing is. */
export function linkStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
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
    const link = `/proc/self/fd/${descriptor}`;
    return decodeText(target.subarray(0, call("readlinkat", link, AT_FDCWD, link, target)));
  } finally {
    tryCall("close", descriptor);
  }
}
