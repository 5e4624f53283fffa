/** Compares a file's content with the wanted one, and writes it so that a file is whole or absent. */
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
import type { Termination } from "./termination.ts";

/** The bytes of a file, read in pieces because an executable has megabytes. */
export interface Content {
  readonly size: number;
  /** Fills the buffer from a position on. Returns the number of bytes read. */
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
function sameBytes(one: Content, two: Content, { throwIfRequested }: Termination): boolean {
  if (one.size !== two.size) return false;
  const [left, right] = [new Uint8Array(chunkSize), new Uint8Array(chunkSize)];
  for (let at = 0; at < one.size; ) {
    throwIfRequested();
    const count = one.read(left, at);
    if (count === 0 || two.read(right, at) !== count) return false;
    // Texts of the same length contain each other only if they are equal.
    if (findBytes(left.subarray(0, count), right.subarray(0, count)) !== 0) return false;
    at += count;
  }
  return true;
}

/** A link to a name in its own folder has the same target on the host and in a container; another link may not. */
const staysInFolder = (path: string, { kind }: FileStatus): boolean =>
  kind !== "link" || readLink(path)?.includes("/") === false;

/** True if others may write the file, or if it is setuid or setgid. */
const isOpenToOthers = (mode: number): boolean => (mode & 0o6022) !== 0;

/**
 * True if the path already has the content and safe permissions. `status` is that of the path itself, also if it is a
 * link.
 */
export function hasContent(
  path: string,
  status: FileStatus,
  content: Content,
  termination: Termination,
): boolean {
  if (!staysInFolder(path, status)) return false;
  const descriptor = tryOpen(path, OpenFlag.readOnly | OpenFlag.nonBlocking);
  if (descriptor < 0) return false;
  try {
    const { permissions } = descriptorStatus(descriptor);
    if ((permissions & content.mode) !== content.mode || isOpenToOthers(permissions)) return false;
    return sameBytes(content, contentOf(descriptor, path, permissions), termination);
  } finally {
    closeFile(descriptor);
  }
}

function writeBytes(
  content: Content,
  descriptor: number,
  path: string,
  { throwIfRequested }: Termination,
): void {
  const buffer = new Uint8Array(chunkSize);
  for (let at = 0; ; ) {
    throwIfRequested();
    const count = content.read(buffer, at);
    if (count === 0) return;
    writeAll(descriptor, buffer.subarray(0, count), path);
    at += count;
  }
}

/** Writes the content to a new file and waits until it is on disk. */
export function writeContent(path: string, content: Content, termination: Termination): void {
  const { writeOnly, create, exclusive, noFollow } = OpenFlag;
  const descriptor = openFile(path, writeOnly | create | exclusive | noFollow, 0o600);
  try {
    writeBytes(content, descriptor, path, termination);
    setPermissions(descriptor, content.mode, path);
    syncFile(descriptor, path);
  } finally {
    closeFile(descriptor);
  }
}
