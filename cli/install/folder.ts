/** The folder that is installed into: what it must be, whose turn it is, and what earlier installers left there. */
import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, realpathSync, unlinkSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Errno } from "../../shared/system/errno.ts";
import { call, tryCall } from "../../shared/system/libc.ts";
import { codeOf, problem } from "./problem.ts";
import type { End } from "./stay.ts";

/** No runtime takes such a name for a plugin or a configuration. */
const prefix = ".podwire-install.";

/** A name for a passing file, that no other installer uses. */
export const passingName = (purpose: string): string =>
  `${prefix}${process.pid}-${Date.now().toString(36)}.${purpose}`;

/**
 * The folder as an absolute path without symbolic links. A link is refused: in a container, what it leads to is in
 * the container and not on the host. Throws too if it is missing, or no folder.
 */
export function checkFolder(option: string, given: string): string {
  const folder = resolve(given);
  let real: string;
  try {
    real = realpathSync(folder);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw problem(`cannot look at ${folder} (${option})`, thrown);
    const advice =
      "make it, or in a container mount the host's folder there; it is not made here, where it might be the container's own";
    throw new Error(`the folder ${folder} (${option}) does not exist: ${advice}`);
  }
  if (real !== folder) {
    const advice = "in a container a link leads to the container's own files, not to the host's";
    throw new Error(
      `${folder} (${option}) leads through a symbolic link to ${real}: give that folder itself; ${advice}`,
    );
  }
  if (!lstatSync(folder).isDirectory()) throw new Error(`${folder} (${option}) is not a folder`);
  return folder;
}

const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;
const limitSeconds = 120;

/**
 * Waits until no other installer works in the folder. flock(2) on the folder itself: nothing is written, containers
 * that mount it see the same lock, and it is gone with its holder.
 */
async function acquire(descriptor: number, folder: string, { pass }: End): Promise<void> {
  const end = Date.now() + limitSeconds * 1000;
  for (;;) {
    const failed = tryCall("flock", descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING);
    if (failed === 0) return;
    // Another failure, such as of a network file system without locks, is thrown by the second try.
    if (failed !== -Errno.EAGAIN) call("flock", folder, descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING);
    if (Date.now() > end)
      throw new Error(
        `another installer has held ${folder} for ${limitSeconds} s: it may hang; find it with lslocks`,
      );
    await pause(20);
    await pass();
  }
}

/** Does the work while no other installer works in the folder. */
export async function whileFolderLocked<Value>(
  folder: string,
  end: End,
  work: () => Promise<Value>,
): Promise<Value> {
  const descriptor = openSync(folder, "r");
  try {
    await acquire(descriptor, folder, end);
    return await work();
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what installers that were killed left behind. Only under the lock: else it may be in use. */
export function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    try {
      unlinkSync(`${folder}/${name}`);
    } catch (thrown) {
      // What cannot be removed does no harm; a later installer tries again. A folder is none of ours.
      if (!["ENOENT", "EISDIR", "EROFS", "EACCES", "EPERM"].includes(codeOf(thrown))) throw thrown;
    }
  }
}

/** Makes names that were made, changed or removed in the folder survive a power cut. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
