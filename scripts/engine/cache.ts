/** What a build keeps for the next one, in any clone on this machine. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export const digest = (content: Uint8Array | string): string =>
  createHash("sha256").update(content).digest("hex");

/** PODWIRE_CACHE, or the user's cache folder (XDG Base Directory Specification). */
export function cacheFolder(): string {
  const { PODWIRE_CACHE, XDG_CACHE_HOME } = process.env;
  const base = XDG_CACHE_HOME ?? "";
  return PODWIRE_CACHE ?? join(base.startsWith("/") ? base : join(homedir(), ".cache"), "podwire");
}

const sumOf = (path: string) => `${path}.sha256`;

/** The content of a kept file; undefined if there is none, or if it is not what was kept. */
export function readKept(name: string): Buffer | undefined {
  const path = join(cacheFolder(), name);
  if (!existsSync(path) || !existsSync(sumOf(path))) return undefined;
  const content = readFileSync(path);
  return digest(content) === readFileSync(sumOf(path), "utf8") ? content : undefined;
}

/** Keeps a file; it appears whole or not at all, also when several builds keep the same one. */
export function keep(name: string, content: Uint8Array): void {
  const path = join(cacheFolder(), name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(dirname(path), ".new-"));
  try {
    const temporary = join(folder, "content");
    for (const [target, text] of [
      [path, content],
      [sumOf(path), digest(content)],
    ] as const) {
      writeFileSync(temporary, text);
      renameSync(temporary, target);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
