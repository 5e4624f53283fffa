/** Absolute paths. */
import { Errno } from "./errno.ts";
import { SystemError, tryCall } from "./libc.ts";
import { resolve } from "./path.ts";
import { decodeText } from "./text.ts";

/** The kernel's limit for paths (include/uapi/linux/limits.h). */
const PATH_MAX = 4096;

/** The working folder that `path` is relative to. */
function workingFolder(path: string): string {
  const buffer = new Uint8Array(PATH_MAX);
  const length = tryCall("getcwd", buffer);
  if (length < 0 && length !== -Errno.ENOENT) throw new SystemError("getcwd", path, -length);
  // For a folder outside of the root, getcwd(2) returns "(unreachable)/...".
  const folder = length < 0 ? "" : decodeText(buffer.subarray(0, length - 1));
  if (folder.startsWith("/")) return folder;
  throw new Error(`${path} is relative to the working folder, which is gone: give an absolute path`);
}

/**
 * The absolute path without "." and "..". Links are not followed. Throws if it is relative to a working folder that is
 * gone.
 */
export function absolutePath(path: string): string {
  return resolve(path.startsWith("/") ? "/" : workingFolder(path), path);
}
