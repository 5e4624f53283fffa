/** Where a path leads to, from the root. */
import { Errno } from "./errno.ts";
import { SystemError, tryCall } from "./libc.ts";
import { resolve } from "./path.ts";
import { decodeText } from "./text.ts";

/** The kernel's limit, which no path is longer than: include/uapi/linux/limits.h. */
const PATH_MAX = 4096;

/** The working folder, from which `path` is meant. */
function workingFolder(path: string): string {
  const buffer = new Uint8Array(PATH_MAX);
  const length = tryCall("getcwd", buffer);
  if (length < 0 && length !== -Errno.ENOENT) throw new SystemError("getcwd", path, -length);
  // Of a folder outside the root, getcwd(2) says "(unreachable)/...".
  const folder = length < 0 ? "" : decodeText(buffer.subarray(0, length - 1));
  if (folder.startsWith("/")) return folder;
  throw new Error(`${path} is meant from the working folder, which is gone: give an absolute path`);
}

/** The path from the root, without "." and ".."; links are not followed. Throws if it hangs on a working folder that is gone. */
export function absolutePath(path: string): string {
  return resolve(path.startsWith("/") ? "/" : workingFolder(path), path);
}
