/** Kernel parameters of the network, of the namespace this thread is in. */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile, readSmallText, writeAll } from "./file.ts";
import { fileExists } from "./file-status.ts";
import { SystemError } from "./libc.ts";
import { whileLocked } from "./lock.ts";

const pathOf = (key: string) => `/proc/sys/net/${key}`;

/** The value of "ipv4/ip_forward", say; undefined if this kernel, or an interface, has no such key. */
export function readSysctl(key: string): string | undefined {
  return readSmallText(pathOf(key))?.trim();
}

/**
 * Sets a value of the whole namespace unless it is set, one process at a time. The kernel writes such a value, tries
 * for its big lock, and takes the value back before it tries again (net/ipv4/devinet.c, devinet_sysctl_forward): of two
 * writers at once, one can see the other's passing value, and then neither tells the interfaces.
 */
export function setSharedSysctl(key: string, value: string): void {
  whileLocked(pathOf(key), () => {
    if (readSysctl(key) !== value) setSysctl(key, value);
  });
}

export function hasSysctl(key: string): boolean {
  return fileExists(pathOf(key));
}

/**
 * Sets a value. Where it may not be written, as in a read-only /proc/sys, it is good enough that it is there
 * already. Throws SystemError if it cannot.
 */
export function setSysctl(key: string, value: string): void {
  const path = pathOf(key);
  try {
    const descriptor = openFile(path, OpenFlag.writeOnly);
    try {
      writeAll(descriptor, value, path);
    } finally {
      closeFile(descriptor);
    }
  } catch (thrown) {
    if (readSysctl(key) !== value) throw thrown;
  }
}

/** As setSysctl, where the kernel has the key: IPv6 may be missing. */
export function setSysctlIfPresent(key: string, value: string): void {
  try {
    setSysctl(key, value);
  } catch (thrown) {
    if (!(thrown instanceof SystemError && thrown.errno === Errno.ENOENT)) throw thrown;
  }
}

/** As setSysctl, for what is only better so: what cannot be written stays as it is. */
export function trySysctl(key: string, value: string): void {
  try {
    setSysctl(key, value);
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
  }
}
