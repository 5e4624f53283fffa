/** What this process is. */
import { tryReadLink } from "./file.ts";
import { SystemError, tryCall } from "./libc.ts";

/** The executable that runs, as a file to open: it is there even if its name is gone. */
export const OWN_EXECUTABLE = "/proc/self/exe";

/** The path that the executable was started from. Throws SystemError without /proc. */
export function ownExecutablePath(): string {
  const path = tryReadLink(OWN_EXECUTABLE);
  if (typeof path === "string") return path;
  throw new SystemError("readlink", OWN_EXECUTABLE, -path);
}

export function processId(): number {
  return tryCall("getpid");
}
