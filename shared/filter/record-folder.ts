/** Where the records are, their lock, and what is wrong if they cannot be written. */
import { CniError, ErrorCode } from "../cni/error.ts";
import { fileExists } from "../system/file-status.ts";
import { SystemError } from "../system/libc.ts";
import type { NamedLock } from "../system/lock.ts";
import { lockLimit } from "../system/lock-wait.ts";

export const FILTER_FOLDER = "/run/podwire/filter";

/** The lock of the records and rules of a network namespace. */
export const filterLock = (namespace: string, environment: Readonly<Record<string, string>>): NamedLock => ({
  name: `filter-${namespace}`,
  what: "the packet filter of this node",
  limitSeconds: lockLimit(environment),
});

/** Does the work; an error of the file system says what the files are for. */
export function explained<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.kind === "passing") throw thrown;
    throw new CniError(
      ErrorCode.io,
      `cannot write to ${FILTER_FOLDER}, where podwire records what containers want of the packet filter: ${thrown.message}`,
      "/run must be a file system that can be written: mount a tmpfs there",
      thrown,
    );
  }
}

/** Whether any record was ever written on this machine since it booted. One access(2). */
export const isFilterUsed = (): boolean => fileExists(FILTER_FOLDER);
