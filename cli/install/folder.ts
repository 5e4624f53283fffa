/** The target folder: its checks, its lock, and the removal of temporary files of earlier installers. */
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { listDirectory } from "../../shared/system/directory.ts";
import { Errno } from "../../shared/system/errno.ts";
import { removeFile } from "../../shared/system/file.ts";
import { fileStatus, realPath } from "../../shared/system/file-status.ts";
import { takeLockAt, unlessImpossible } from "../../shared/system/lock.ts";
import { processId } from "../../shared/system/own-process.ts";
import { failedBy, stepError } from "./errors.ts";
import type { Termination } from "./termination.ts";

/** Runtimes load no plugin and no configuration of this name. */
const prefix = ".podwire-install.";

/** Returns a temporary name that no other installer uses. */
export const temporaryName = (purpose: string): string =>
  `${prefix}${processId()}-${Date.now().toString(36)}.${purpose}`;

/**
 * Returns the folder as an absolute path without symbolic links. Throws if it is missing or not a folder. A link is
 * refused too: in a container its target lies in the container and not on the host.
 */
export function checkFolder(option: string, given: string): string {
  const folder = absolutePath(given);
  let real: string;
  try {
    real = realPath(folder);
  } catch (thrown) {
    // The path of a descriptor can only be read from /proc.
    const isThere = fileStatus(folder) !== undefined;
    if (isThere || !failedBy(thrown, [Errno.ENOENT]))
      throw stepError(`cannot look at ${folder} (${option})`, thrown);
    const advice =
      "make it, or in a container mount the host's folder there; install does not make it, since it could be the container's own";
    throw new Error(`the folder ${folder} (${option}) does not exist: ${advice}`);
  }
  if (real !== folder) {
    const advice = "in a container a link leads to the container's own files, not to the host's";
    throw new Error(
      `${folder} (${option}) leads through a symbolic link to ${real}: give that folder itself; ${advice}`,
    );
  }
  if (fileStatus(folder)?.isDirectory !== true) throw new Error(`${folder} (${option}) is not a folder`);
  return folder;
}

const limitSeconds = 120;

/** Beside the names that removeLeftovers removes. Containers that mount the folder see the same file. */
const lockName = ".podwire-lock";

/**
 * Runs `work` while no other installer works in the folder. The lock is a file of root in it: every
 * process that can open the folder could lock the folder itself. If no file can be made, the work fails by itself.
 */
export function whileFolderLocked<Value>(folder: string, { pause }: Termination, work: () => Value): Value {
  const what = `an installation into ${folder}`;
  const lock = unlessImpossible(() =>
    takeLockAt({ path: `${folder}/${lockName}`, what, limitSeconds, pause }),
  );
  try {
    return work();
  } finally {
    lock?.remove();
  }
}

/** A leftover that cannot be removed does no harm, and a later installer tries again. Installers leave no folders. */
const harmless = [Errno.EISDIR, Errno.EROFS, Errno.EACCES, Errno.EPERM];

/** Removes the temporary files of killed installers. Needs the lock: without it, a file may be in use. */
export function removeLeftovers(folder: string): void {
  for (const name of listDirectory(folder).filter((name) => name.startsWith(prefix))) {
    try {
      removeFile(`${folder}/${name}`);
    } catch (thrown) {
      if (!failedBy(thrown, harmless)) throw thrown;
    }
  }
}
