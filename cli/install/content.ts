/** What is to be in a file: compared with what is, and written so that it is there whole or not at all. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  writeSync,
} from "node:fs";
import type { End } from "./stay.ts";

/** The bytes of a file: read piece by piece, since an executable is large. */
export interface Content {
  readonly size: number;
  /** Fills the buffer from a position on; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): number;
  /** The permissions of the file. */
  readonly mode: number;
}

/** The content of an open file. */
export const contentOf = (descriptor: number, mode: number): Content => ({
  size: fstatSync(descriptor).size,
  read: (buffer, position) => readSync(descriptor, buffer, 0, buffer.length, position),
  mode,
});

/** A text as the content of a file. */
export function contentOfText(text: string, mode: number): Content {
  const bytes = Buffer.from(text);
  return {
    size: bytes.length,
    read: (buffer, position) => bytes.copy(buffer, 0, position),
    mode,
  };
}

const chunkSize = 1 << 20;

/** Whether both have the same bytes. */
async function sameBytes(one: Content, two: Content, { pass }: End): Promise<boolean> {
  if (one.size !== two.size) return false;
  const [left, right] = [Buffer.allocUnsafe(chunkSize), Buffer.allocUnsafe(chunkSize)];
  for (let at = 0; at < one.size; ) {
    await pass();
    const count = one.read(left, at);
    if (count === 0 || two.read(right, at) !== count) return false;
    if (left.compare(right, 0, count, 0, count) !== 0) return false;
    at += count;
  }
  return true;
}

/** What is at a path, a link itself and not what it leads to; undefined if nothing is. */
export const statusOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** A link to a name in its own folder is the same on the host and in a container; others may not be. */
const staysInFolder = (path: string, status: Stats): boolean =>
  !status.isSymbolicLink() || !readlinkSync(path).includes("/");

/** Whether others may write the file, or whether it gives them its owner's rights. */
const isOpenToOthers = (mode: number): boolean => (mode & 0o6022) !== 0;

/** Whether the content is at the path already, with all the permissions that it needs and none that it must not have. */
export async function holds(path: string, content: Content, end: End): Promise<boolean> {
  const status = statusOf(path);
  if (status === undefined || !staysInFolder(path, status)) return false;
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    const { mode } = fstatSync(descriptor);
    if ((mode & content.mode) !== content.mode || isOpenToOthers(mode)) return false;
    return await sameBytes(content, contentOf(descriptor, mode), end);
  } finally {
    closeSync(descriptor);
  }
}

async function writeBytes(content: Content, descriptor: number, { pass }: End): Promise<void> {
  const buffer = Buffer.allocUnsafe(chunkSize);
  for (let at = 0; ; ) {
    await pass();
    const count = content.read(buffer, at);
    if (count === 0) return;
    for (let written = 0; written < count; )
      written += writeSync(descriptor, buffer, written, count - written);
    at += count;
  }
}

/** Writes the content to a name that must be free, and waits until it is on the disk. */
export async function writeContent(path: string, content: Content, end: End): Promise<void> {
  const descriptor = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await writeBytes(content, descriptor, end);
    fchmodSync(descriptor, content.mode);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
