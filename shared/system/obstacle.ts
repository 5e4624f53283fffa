/** What stands where podwire keeps a file or folder of its own. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { Errno } from "./errno.ts";
import { AT_FDCWD, describeKind, fileStatus, linkStatus } from "./file-status.ts";
import { SystemError, tryCall } from "./libc.ts";
import { dirName } from "./path.ts";

const AT_REMOVEDIR = 0x200;

/**
 * Removes whatever has a name, if nothing is lost with it: a folder must be empty, a file must be too. Returns false if the
 * name is still taken.
 */
export function removeObstacle(path: string): boolean {
  const status = linkStatus(path);
  if (status === undefined) return true;
  if (status.isFile && status.size > 0n) return false;
  return tryCall("unlinkat", AT_FDCWD, path, status.isDirectory ? AT_REMOVEDIR : 0) === 0;
}

/** What stands somewhere, in words. */
interface Obstacle {
  readonly path: string;
  readonly what: string;
}

/** The first part of a path that exists and is no folder; undefined if all parts are folders. */
function obstacleAbove(path: string): Obstacle | undefined {
  for (let folder = dirName(path); folder !== "/" && folder !== "."; folder = dirName(folder)) {
    const status = linkStatus(folder);
    if (status === undefined) continue;
    const target = status.kind === "link" ? fileStatus(folder) : status;
    if (target === undefined) return { path: folder, what: "a symbolic link that leads nowhere" };
    return target.isDirectory ? undefined : { path: folder, what: describeKind(target) };
  }
  return undefined;
}

/** What keeps podwire from having its file or folder at a path; undefined if nothing does. */
function findObstacle(path: string, kind: "file" | "directory"): Obstacle | undefined {
  const status = linkStatus(path);
  if (status === undefined) return obstacleAbove(path);
  return status.kind === kind ? undefined : { path, what: describeKind(status) };
}

/** Those that a file system gives where another kind of file stands in the way. */
const inTheWay: readonly number[] = [
  Errno.EEXIST,
  Errno.EISDIR,
  Errno.ENOTDIR,
  Errno.ELOOP,
  Errno.ENXIO,
  Errno.EAGAIN,
  Errno.ENOENT,
  Errno.EINVAL,
  Errno.ENODEV,
];

/** The error that names what stands at a path; any other error as it is. */
export function explainObstacle(thrown: unknown, path: string, kind: "file" | "directory"): unknown {
  if (!(thrown instanceof SystemError) || !inTheWay.includes(thrown.errno)) return thrown;
  const found = findObstacle(path, kind);
  if (found === undefined) return thrown;
  const wanted = found.path === path && kind === "file" ? "file" : "folder";
  return new CniError(
    ErrorCode.io,
    `${found.path} is ${found.what}, where podwire keeps a ${wanted} of its own`,
    `remove ${found.path}: podwire makes its ${wanted} again`,
    thrown,
  );
}
