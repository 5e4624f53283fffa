/** This process's executable. */
import { tryReadLink } from "./file.ts";
import { SystemError, tryCall } from "./libc.ts";

/** The running executable as a file to open, even after its name was removed. */
export const OWN_EXECUTABLE = "/proc/self/exe";

/** The path from which the executable was started. Throws SystemError without /proc. */
export function ownExecutablePath(): string {
  const path = tryReadLink(OWN_EXECUTABLE);
  if (typeof path === "string") return path;
  throw new SystemError("readlink", OWN_EXECUTABLE, -path);
}

export function processId(): number {
  return tryCall("getpid");
}

/** The user whose rights count. */
export function userId(): number {
  return tryCall("geteuid");
}
