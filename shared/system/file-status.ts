/** The status of files without opening them: access(2), statx(2), statfs(2). */
import { Errno, isAboutPath, isAbsence } from "./errno.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { decodeText } from "./text.ts";

/** True if the path exists. Throws if that is unknown. */
export function fileExists(path: string): boolean {
  const failed = tryCall("faccessat", AT_FDCWD, path, 0);
  if (failed === 0) return true;
  if (isAbsence(-failed)) return false;
  throw new SystemError("access", path, -failed);
}

/** access(2) with F_OK: also false on any error. */
export function isReachable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 0) === 0;
}

/** access(2) with W_OK: also false on a read-only file system, even for root. */
export function isWritable(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 2) === 0;
}

/** access(2) with X_OK. Throws SystemError for an error that is not about the path, such as EIO. */
export function isExecutable(path: string): boolean {
  const failed = tryCall("faccessat", AT_FDCWD, path, 1);
  if (failed < 0 && !isAboutPath(-failed)) throw new SystemError("access", path, -failed);
  return failed === 0;
}

/** Kinds of files: S_IFMT of the mode (include/uapi/linux/stat.h). */
const kinds = {
  [0o100000]: "file",
  [0o040000]: "directory",
  [0o120000]: "link",
  [0o010000]: "fifo",
  [0o140000]: "socket",
  [0o020000]: "device",
  [0o060000]: "device",
} as const;

/** The result of statx(2). Times are nanoseconds since 1970. */
export interface FileStatus {
  readonly device: string;
  readonly inode: bigint;
  readonly kind: (typeof kinds)[keyof typeof kinds];
  /** The mode without the kind: permissions, set-user-ID, set-group-ID and sticky bits. */
  readonly permissions: number;
  /** The user ID of its owner. */
  readonly owner: number;
  /** How many names it has; 0 if its last one was removed. */
  readonly links: number;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly size: bigint;
  readonly modified: bigint;
}

/** Relative paths start at the working folder (include/uapi/linux/fcntl.h). */
export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

function statx(directory: number, path: string, flags: number): FileStatus | undefined {
  const buffer = new Uint8Array(256);
  const failed = tryCall("statx", directory, path, flags, STATX_BASIC_STATS, buffer);
  if (isAbsence(-failed)) return undefined;
  if (failed < 0) throw new SystemError("statx", path === "" ? `descriptor ${directory}` : path, -failed);
  const view = new DataView(buffer.buffer);
  // struct statx, include/uapi/linux/stat.h: nlink 0x10, uid 0x14, mode 0x1c, ino 0x20, size 0x28, mtime 0x70, dev major/minor 0x88.
  const mode = view.getUint16(0x1c, true);
  const kind = kinds[(mode & 0o170000) as keyof typeof kinds];
  return {
    device: `${view.getUint32(0x88, true)}:${view.getUint32(0x8c, true)}`,
    inode: view.getBigUint64(0x20, true),
    kind,
    permissions: mode & 0o7777,
    owner: view.getUint32(0x14, true),
    links: view.getUint32(0x10, true),
    isFile: kind === "file",
    isDirectory: kind === "directory",
    size: view.getBigUint64(0x28, true),
    modified: view.getBigInt64(0x70, true) * 1_000_000_000n + BigInt(view.getUint32(0x78, true)),
  };
}

/** The status of a path's target (links followed); undefined if it does not exist. */
export function fileStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, path, 0);
}

/** The status of the path itself (links not followed); undefined if it does not exist. */
export function linkStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/** The status of an open descriptor. */
export function descriptorStatus(descriptor: number): FileStatus {
  const status = statx(descriptor, "", AT_EMPTY_PATH);
  if (status === undefined) throw new SystemError("statx", `descriptor ${descriptor}`, Errno.ENOENT);
  return status;
}

/** What a file is, for an error. */
export function describeKind({ kind }: FileStatus): string {
  if (kind === "directory") return "a folder";
  if (kind === "link") return "a symbolic link";
  if (kind === "fifo") return "a FIFO";
  return kind === "file" ? "a file" : `a ${kind}`;
}

/** True if both are the same file. */
export function isSameFile(a: FileStatus, b: FileStatus): boolean {
  return a.inode === b.inode && a.device === b.device;
}

const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;

/** The path's target without symbolic links. Throws SystemError if it does not exist, or without /proc. */
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
