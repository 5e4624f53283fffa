/** Network sysctls of this thread's namespace. */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile, readSmallText, writeAll } from "./file.ts";
import { fileExists, isWritable } from "./file-status.ts";
import { SystemError } from "./libc.ts";
import { takeLock } from "./lock.ts";
import { lockLimit } from "./lock-wait.ts";

const pathOf = (key: string) => `/proc/sys/net/${key}`;

/** The value of a key such as "ipv4/ip_forward"; undefined if the kernel or the interface lacks it. */
export function readSysctl(key: string): string | undefined {
  return readSmallText(pathOf(key))?.trim();
}

/**
 * Sets a namespace-wide sysctl unless it is set, one process at a time. The kernel writes the value, tries its lock,
 * and reverts the value before it tries again (net/ipv4/devinet.c, devinet_sysctl_forward). So of two writers, one
 * could see the other's temporary value, and neither would change the interfaces.
 */
export function setSharedSysctl(key: string, value: string): void {
  const lock = takeLock({ name: "sysctl", what: "the node's sysctls", limitSeconds: lockLimit({}) });
  try {
    if (readSysctl(key) !== value) setSysctl(key, value);
  } finally {
    lock.remove();
  }
}

export function hasSysctl(key: string): boolean {
  return fileExists(pathOf(key));
}

/** False on a read-only /proc/sys, even for root. */
export const isSysctlWritable = (key: string): boolean => isWritable(pathOf(key));

/**
 * Sets a sysctl. If it is not writable, as in a read-only /proc/sys, the same value must be there already. Otherwise
 * throws SystemError.
 */
export function setSysctl(key: string, value: string): void {
  const path = pathOf(key);
  try {
    const descriptor = openFile(path, OpenFlag.writeOnly);
    try {
      // write(2) of nothing changes nothing; an empty line empties a list.
      writeAll(descriptor, value === "" ? "\n" : value, path);
    } finally {
      closeFile(descriptor);
    }
  } catch (thrown) {
    if (readSysctl(key) !== value) throw thrown;
  }
}

function setUnless(ignored: readonly number[], key: string, value: string): void {
  try {
    setSysctl(key, value);
  } catch (thrown) {
    if (!(thrown instanceof SystemError && ignored.includes(thrown.errno))) throw thrown;
  }
}

/** Like setSysctl, if the kernel has the key: IPv6 may be missing. */
export function setSysctlIfPresent(key: string, value: string): void {
  setUnless([Errno.ENOENT], key, value);
}

/** Like setSysctlIfPresent, if /proc/sys is writable: in an unprivileged container it is not. */
export function setSysctlIfPossible(key: string, value: string): void {
  setUnless([Errno.ENOENT, Errno.EROFS, Errno.EACCES, Errno.EPERM], key, value);
}

/** Like setSysctl, for an optional improvement: ignores a failure. */
export function trySysctl(key: string, value: string): void {
  try {
    setSysctl(key, value);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
  }
}
