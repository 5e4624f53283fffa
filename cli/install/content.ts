/** What is to be in a file: compared with what is, and written so that it is there whole or not at all. */
import {
  closeFile,
  OpenFlag,
  openFile,
  readAt,
  readLink,
  setPermissions,
  syncFile,
  tryOpen,
  writeAll,
} from "../../shared/system/file.ts";
import { descriptorStatus, type FileStatus } from "../../shared/system/file-status.ts";
import { encodeText, findBytes } from "../../shared/system/text.ts";
import type { End } from "./stay.ts";

/** The bytes of a file: read piece by piece, since an executable is large. */
export interface Content {
  readonly size: number;
  /** Fills the buffer from a position on; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): number;
  /** The permissions of the file. */
  readonly mode: number;
}

/** The content of an open file. `path` names it in errors. */
export const contentOf = (descriptor: number, path: string, mode: number): Content => ({
  size: Number(descriptorStatus(descriptor).size),
  read: (buffer, position) => readAt(descriptor, buffer, position, path),
  mode,
});

/** A text as the content of a file. */
export function contentOfText(text: string, mode: number): Content {
  const bytes = encodeText(text);
  return {
    size: bytes.length,
    read: (buffer, position) => {
      const piece = bytes.subarray(position, position + buffer.length);
      buffer.set(piece);
      return piece.length;
    },
    mode,
  };
}

const chunkSize = 1 << 20;

/** Whether both have the same bytes. */
function sameBytes(one: Content, two: Content, { pass }: End): boolean {
  if (one.size !== two.size) return false;
  const [left, right] = [new Uint8Array(chunkSize), new Uint8Array(chunkSize)];
  for (let at = 0; at < one.size; ) {
    pass();
    const count = one.read(left, at);
    if (count === 0 || two.read(right, at) !== count) return false;
    // Where both are as long, one stands in the other at 0, or nowhere.
    if (findBytes(left.subarray(0, count), right.subarray(0, count)) !== 0) return false;
    at += count;
  }
  return true;
}

/** A link to a name in its own folder is the same on the host and in a container; others may not be. */
const staysInFolder = (path: string, { kind }: FileStatus): boolean =>
  kind !== "link" || readLink(path)?.includes("/") === false;

/** Whether others may write the file, or whether it gives them its owner's rights. */
const isOpenToOthers = (mode: number): boolean => (mode & 0o6022) !== 0;

/**
 * Whether the content is at the path already, with all the permissions that it needs and none that it must not have.
 * `status` is that of the path, of a link itself.
 */
export function holds(path: string, status: FileStatus, content: Content, end: End): boolean {
  if (!staysInFolder(path, status)) return false;
  const descriptor = tryOpen(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  if (descriptor < 0) return false;
  try {
    const { permissions } = descriptorStatus(descriptor);
    if ((permissions & content.mode) !== content.mode || isOpenToOthers(permissions)) return false;
    return sameBytes(content, contentOf(descriptor, path, permissions), end);
  } finally {
    closeFile(descriptor);
  }
}

function writeBytes(content: Content, descriptor: number, path: string, { pass }: End): void {
  const buffer = new Uint8Array(chunkSize);
  for (let at = 0; ; ) {
    pass();
    const count = content.read(buffer, at);
    if (count === 0) return;
    writeAll(descriptor, buffer.subarray(0, count), path);
    at += count;
  }
}

/** Writes the content to a name that must be free, and waits until it is on the disk. */
export function writeContent(path: string, content: Content, end: End): void {
  const { writeOnly, create, exclusive, noFollow } = OpenFlag;
  const descriptor = openFile(path, writeOnly | create | exclusive | noFollow, 0o600);
  try {
    writeBytes(content, descriptor, path, end);
    setPermissions(descriptor, content.mode, path);
    syncFile(descriptor, path);
  } finally {
    closeFile(descriptor);
  }
}
