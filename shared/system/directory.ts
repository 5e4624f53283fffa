/** Folders: make and list them. */

import { Errno } from "./errno.ts";
import { closeFile, OpenFlag, openFile, syncFile, tryOpen } from "./file.ts";
import { AT_FDCWD, linkStatus } from "./file-status.ts";
import { call, SystemError, tryCall } from "./libc.ts";
import { decodeText } from "./text.ts";

/** Makes a folder and its missing parents. Existing ones are fine. Returns true if it made the folder. */
export function makeDirectory(path: string, mode: number): boolean {
  const failed = tryCall("mkdirat", AT_FDCWD, path, mode);
  if (failed === 0 || failed === -Errno.EEXIST) return failed === 0;
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (failed !== -Errno.ENOENT || parent === "") throw new SystemError("mkdir", path, -failed);
  makeDirectory(parent, mode);
  const again = tryCall("mkdirat", AT_FDCWD, path, mode);
  // Another process may have made it meanwhile.
  if (again !== 0 && again !== -Errno.EEXIST) throw new SystemError("mkdir", path, -again);
  return again === 0;
}

/** The names in a folder without "." and ".."; empty if the folder is missing. */
export function listDirectory(path: string): string[] {
  const names: string[] = [];
  visitDirectory(path, (name) => names.push(name));
  return names;
}

/** An entry of a folder: its name, and whether it is a folder (not a link to one). */
export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** Like listDirectory, with the kind of each entry. */
export function listEntries(path: string): DirectoryEntry[] {
  const DT_UNKNOWN = 0;
  const DT_DIR = 4;
  const entries: DirectoryEntry[] = [];
  visitDirectory(path, (name, type) => {
    const isDirectory = type === DT_UNKNOWN ? linkStatus(`${path}/${name}`)?.isDirectory : type === DT_DIR;
    entries.push({ name, isDirectory: isDirectory === true });
  });
  return entries;
}

type Visit = (name: string, type: number) => void;

function visitDirectory(path: string, visit: Visit): void {
  const descriptor = tryOpen(path, OpenFlag.readOnly | OpenFlag.directory);
  if (descriptor === -Errno.ENOENT) return;
  if (descriptor < 0) throw new SystemError("open", path, -descriptor);
  try {
    readEntries(descriptor, path, visit);
  } finally {
    closeFile(descriptor);
  }
}

function readEntries(descriptor: number, path: string, visit: Visit): void {
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const filled = call("getdents64", path, descriptor, buffer);
    if (filled === 0) return;
    // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name (NUL-terminated).
    for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
      const end = buffer.indexOf(0, at + 19);
      const name = decodeText(buffer.subarray(at + 19, end));
      if (name !== "." && name !== "..") visit(name, buffer[at + 18] ?? 0);
    }
  }
}

/** Makes changes of a folder's names survive a power loss. */
export function syncDirectory(path: string): void {
  const descriptor = openFile(path, OpenFlag.readOnly | OpenFlag.directory);
  try {
    syncFile(descriptor, path);
  } finally {
    closeFile(descriptor);
  }
}

/** True if the folder's file system has no free block or inode. */
export function isFull(folder: string): boolean {
  const descriptor = openFile(folder, OpenFlag.readOnly | OpenFlag.directory);
  try {
    const view = new DataView(new ArrayBuffer(256));
    call("fstatfs", folder, descriptor, new Uint8Array(view.buffer));
    // struct statfs on 64-bit: blocks 16, bfree 24, files 40, ffree 48. Without a limit, the total is 0.
    const isSpent = (total: number, free: number) =>
      view.getBigUint64(total, true) > 0n && view.getBigUint64(free, true) === 0n;
    return isSpent(16, 24) || isSpent(40, 48);
  } finally {
    closeFile(descriptor);
  }
}
