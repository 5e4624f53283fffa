/**
 * Files that podwire alone keeps. A FIFO, a device, a link, a socket or a folder in place of one holds nothing of podwire's: it
 * reads as no file, and gives way to the next file that is written. None of them blocks a call.
 */
import { listDirectory, makeDirectory } from "./directory.ts";
import { Errno } from "./errno.ts";
import {
  closeFile,
  MOST_BYTES,
  OpenFlag,
  readAll,
  removeFile,
  renameFile,
  tryOpen,
  writeFile,
} from "./file.ts";
import { type FileStatus, fileStatus } from "./file-status.ts";
import { call, SystemError } from "./libc.ts";
import { explainObstacle, removeObstacle } from "./obstacle.ts";
import { decodeText } from "./text.ts";

/** The permissions of files and folders that only root reads. */
export const PRIVATE = 0o600;
export const PRIVATE_FOLDER = 0o700;

const SMALL_FILE = 1024;

/** Of open(2) and read(2): the name is free, or something else than a file has it. */
const noFile: readonly number[] = [
  Errno.ENOENT,
  Errno.ENOTDIR,
  Errno.EISDIR,
  Errno.ELOOP,
  Errno.ENXIO,
  Errno.ENODEV,
  Errno.EAGAIN,
  Errno.EINVAL,
];

/** Whether an error says that there is no file at a path, but nothing or something else. */
export const isNoFile = (thrown: unknown): boolean =>
  thrown instanceof SystemError && noFile.includes(thrown.errno);

type Read = (descriptor: number, path: string) => Uint8Array;

function readWith(path: string, read: Read): string | undefined {
  const { readOnly, noFollow, nonBlocking } = OpenFlag;
  const descriptor = tryOpen(path, readOnly | noFollow | nonBlocking);
  if (noFile.includes(-descriptor)) return undefined;
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  try {
    const bytes = read(descriptor, path);
    return bytes.length > MOST_BYTES ? undefined : decodeText(bytes);
  } catch (thrown) {
    if (isNoFile(thrown)) return undefined;
    throw thrown;
  } finally {
    closeFile(descriptor);
  }
}

/** The text of a file; undefined if the path has no file. Throws SystemError if that is unknown. */
export function readOwnFile(path: string): string | undefined {
  return readWith(path, (descriptor) => readAll(descriptor, path, undefined, MOST_BYTES));
}

/** The same for a file of up to 1 KB, by one system call. */
export function readSmallOwnFile(path: string): string | undefined {
  return readWith(path, (descriptor) => {
    const buffer = new Uint8Array(SMALL_FILE);
    return buffer.subarray(0, call("read", path, descriptor, buffer));
  });
}

/** Tries, and tries once more if what stands at the path could be removed. `isDone` is false after a write into a pipe or device. */
function inPlace<Value>(path: string, work: () => Value, isDone: (value: Value) => boolean): Value {
  try {
    const value = work();
    if (isDone(value)) return value;
  } catch (thrown) {
    if (!isNoFile(thrown)) throw thrown;
    if (!removeObstacle(path)) throw explainObstacle(thrown, path, "file");
    return again(path, work);
  }
  removeObstacle(path);
  return again(path, work);
}

function again<Value>(path: string, work: () => Value): Value {
  try {
    return work();
  } catch (thrown) {
    throw explainObstacle(thrown, path, "file");
  }
}

/** Writes a file from its start, and makes it if needed. Returns its new status. Throws CniError (5) if what stands there holds data. */
export function writeOwnFile(
  path: string,
  text: string,
  mode: number,
  flags: number = OpenFlag.truncate,
): FileStatus {
  return inPlace(
    path,
    () => writeFile(path, text, mode, flags | OpenFlag.nonBlocking),
    ({ isFile }) => isFile,
  );
}

/** Renames a file to the name of another one of ours, which it replaces. */
export function replaceOwnFile(from: string, to: string): void {
  inPlace(
    to,
    () => renameFile(from, to),
    () => true,
  );
}

/** Removes a file, or what stands in its place. Returns false if there is nothing of ours, or a folder that holds something. */
export function removeOwnFile(path: string): boolean {
  try {
    return removeFile(path);
  } catch (thrown) {
    if (!isNoFile(thrown)) throw thrown;
    return removeObstacle(path);
  }
}

/** Makes a folder of ours and its parents. Returns false if it is there. A link to a folder counts as one. */
export function makeOwnFolder(path: string, mode: number): boolean {
  if (fileStatus(path)?.isDirectory === true) return false;
  try {
    if (makeDirectory(path, mode)) return true;
    if (fileStatus(path)?.isDirectory === true) return false;
    removeObstacle(path);
    if (makeDirectory(path, mode)) return true;
    throw new SystemError("mkdir", path, Errno.EEXIST);
  } catch (thrown) {
    throw explainObstacle(thrown, path, "directory");
  }
}

/** The names in a folder of ours; empty if the path has no folder. */
export function listOwnFolder(path: string): string[] {
  try {
    return listDirectory(path);
  } catch (thrown) {
    if (isNoFile(thrown)) return [];
    throw thrown;
  }
}
