/** The files of locks: only root can open them. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { makeDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, removeFile, tryOpenInherited } from "./file.ts";
import { AT_FDCWD, descriptorStatus, type FileStatus, linkStatus } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { explainObstacle, removeObstacle } from "./obstacle.ts";

export const LOCK_FOLDER = "/run/podwire/locks";
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** After so many repairs of one place, something makes the same trouble again and again. */
const MOST_REPAIRS = 5;

/** Root's. In a user namespace that is the namespace's root. */
const isPrivate = ({ owner, permissions }: FileStatus): boolean =>
  (permissions & OTHERS) === 0 && (owner === 0 || owner === tryCall("geteuid"));

const notPrivate = (path: string) =>
  new CniError(
    ErrorCode.io,
    `${path} does not become private to root, as podwire's locks must be`,
    "another process changes it: see its owner and its permissions",
  );

/** Makes the folder private, or a folder. What holds data is not removed. */
function repairFolder(status: FileStatus | undefined): void {
  if (status?.isDirectory === true) {
    call("fchownat", LOCK_FOLDER, AT_FDCWD, LOCK_FOLDER, tryCall("geteuid"), 0, AT_SYMLINK_NOFOLLOW);
    call("fchmodat", LOCK_FOLDER, AT_FDCWD, LOCK_FOLDER, FOLDER_MODE);
    return;
  }
  if (status !== undefined) removeObstacle(LOCK_FOLDER);
  if (makeDirectory(LOCK_FOLDER, FOLDER_MODE) || linkStatus(LOCK_FOLDER)?.isDirectory === true) return;
  throw new SystemError("mkdir", LOCK_FOLDER, Errno.EEXIST);
}

/** Makes the folder of locks if needed. Another owner or other permissions are corrected, a link is replaced. */
export function prepareLockFolder(): void {
  for (let repairs = 0; ; repairs++) {
    const status = linkStatus(LOCK_FOLDER);
    if (status?.isDirectory === true && isPrivate(status)) return;
    if (repairs === MOST_REPAIRS) throw notPrivate(LOCK_FOLDER);
    try {
      repairFolder(status);
    } catch (thrown) {
      throw explainObstacle(thrown, LOCK_FOLDER, "directory");
    }
  }
}

/** Opens a lock's file. Returns the descriptor, which children inherit, or the negated errno. A FIFO does not block. */
export function tryOpenLock(path: string): number {
  const { readWrite, readOnly, noFollow, nonBlocking } = OpenFlag;
  const opened = tryOpenInherited(path, readWrite | noFollow | nonBlocking);
  return opened === -Errno.EROFS ? tryOpenInherited(path, readOnly | noFollow | nonBlocking) : opened;
}

function openOrMake(path: string): number {
  const { readWrite, create, noFollow, nonBlocking } = OpenFlag;
  const opened = tryOpenInherited(path, readWrite | create | noFollow | nonBlocking, FILE_MODE);
  if (opened !== -Errno.EROFS) return opened;
  const found = tryOpenInherited(path, OpenFlag.readOnly | noFollow | nonBlocking);
  return found === -Errno.ENOENT ? opened : found;
}

/** Opens a lock's file, or makes it. `prepare` makes its folder. Only podwire has that name: what is no private file is replaced. */
export function openLockFile(path: string, prepare: () => void): number {
  for (let repairs = 0; ; repairs++) {
    prepare();
    const descriptor = openOrMake(path);
    if (descriptor >= 0) {
      const status = descriptorStatus(descriptor);
      if (status.isFile && isPrivate(status)) return descriptor;
      closeFile(descriptor);
    }
    const refusal = descriptor < 0 ? new SystemError("open", path, -descriptor) : undefined;
    if (repairs === MOST_REPAIRS) throw explainObstacle(refusal ?? notPrivate(path), path, "file");
    if (descriptor === -Errno.ENOENT || removeObstacle(path)) continue;
    if (refusal !== undefined) throw explainObstacle(refusal, path, "file");
    // A file that others could open: they may have it open still.
    removeFile(path);
  }
}
