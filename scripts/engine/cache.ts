/** Files that a build keeps for later builds, in any clone on this machine. A build without a cache works, too. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { digest } from "../digest.ts";

/** PODWIRE_CACHE, or the user's cache folder (XDG Base Directory Specification). Throws for a user without a home. */
export function cacheFolder(): string {
  const { PODWIRE_CACHE = "", XDG_CACHE_HOME = "" } = process.env;
  if (PODWIRE_CACHE !== "") return resolve(PODWIRE_CACHE);
  if (XDG_CACHE_HOME.startsWith("/")) return join(XDG_CACHE_HOME, "podwire");
  const home = homedir();
  if (!home.startsWith("/")) throw new Error("HOME names no folder");
  return join(home, ".cache/podwire");
}

/**
 * The digest precedes the content in the same file, so both belong to one build, even if several builds write the
 * file.
 */
const DIGEST_LENGTH = digest("").length;

/** Reads a file only if the user owns it: the folder may be another user's (sudo keeps HOME). */
function readOwn(path: string): Buffer {
  const { uid, mode } = statSync(path);
  if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) throw new Error(`others may write to ${path}`);
  return readFileSync(path);
}

/** Sets the file's time: files that are not used for long are dropped. */
function markUsed(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // A read-only cache works, too.
  }
}

/** The content of a kept file; undefined if it is missing or its digest is wrong. */
export function readCached(name: string): Buffer | undefined {
  try {
    const path = join(cacheFolder(), name);
    const file = readOwn(path);
    const content = file.subarray(DIGEST_LENGTH);
    if (digest(content) !== file.toString("latin1", 0, DIGEST_LENGTH)) return undefined;
    markUsed(path);
    return content;
  } catch {
    return undefined;
  }
}

const DAY = 24 * 3600_000;
const UNUSED = 60 * DAY;

/** Drops files that no build has used for long, and temporary files of killed builds. */
function dropOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    // Another build may have dropped it meanwhile.
    const used = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - used > (name.startsWith(".") ? DAY : UNUSED))
      rmSync(path, { recursive: true, force: true });
  }
}

/** Writes a file; it is whole or absent, even if several builds write it. */
function write(path: string, content: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(dirname(path), ".new-"));
  try {
    const temporary = join(folder, "content");
    writeFileSync(temporary, Buffer.concat([Buffer.from(digest(content)), content]), { mode: 0o600 });
    renameSync(temporary, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  dropOld(dirname(path));
}

/** Keeps a file for later builds. Reports a failure on standard error. */
export function writeCached(name: string, content: Uint8Array): void {
  try {
    write(join(cacheFolder(), name), content);
  } catch (error) {
    const how = "PODWIRE_CACHE can name another folder";
    process.stderr.write(
      `build: the next build has to make ${name} again: ${(error as Error).message}; ${how}\n`,
    );
  }
}
