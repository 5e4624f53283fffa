/** Kernel parameters of the network, of the namespace this thread is in. */
import { fileExists, readTextIfPresent, writeExisting } from "./file.ts";

const pathOf = (key: string) => `/proc/sys/net/${key}`;

/** The value of "ipv4/ip_forward", say; undefined if this kernel, or an interface, has no such key. */
export function readSysctl(key: string): string | undefined {
  return readTextIfPresent(pathOf(key))?.trim();
}

export function hasSysctl(key: string): boolean {
  return fileExists(pathOf(key));
}

/**
 * Writes a value unless it is there already, so that a read-only /proc/sys that is set right is good enough.
 * Throws SystemError if it cannot.
 */
export function ensureSysctl(key: string, value: string): void {
  if (readSysctl(key) !== value) writeExisting(pathOf(key), value);
}

/** As ensureSysctl, where the kernel has the key: IPv6 may be missing. */
export function ensureSysctlIfPresent(key: string, value: string): void {
  const present = readSysctl(key);
  if (present !== undefined && present !== value) writeExisting(pathOf(key), value);
}
