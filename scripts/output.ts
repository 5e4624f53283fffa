/** An output folder in which each file is whole or absent, even if two builds write it. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const PREFIX = ".build-";
const DAY = 24 * 3600_000;

/** Removes work folders of killed builds. A running build is younger. */
function dropLeftovers(output: string): void {
  for (const name of readdirSync(output).filter((each) => each.startsWith(PREFIX))) {
    const path = join(output, name);
    const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > DAY) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Runs `work` in a folder beside its result. From there a rename moves the files, and programs can run, which /tmp may
 * forbid (noexec). The folder is removed afterwards.
 */
export async function withWorkFolder<Value>(
  output: string,
  work: (folder: string) => Promise<Value>,
): Promise<Value> {
  mkdirSync(output, { recursive: true });
  dropLeftovers(output);
  const folder = mkdtempSync(join(output, PREFIX));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Moves the files of a folder to another one, replaces files, and removes the others. */
export function placeFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from);
  for (const name of names) renameSync(join(from, name), join(to, name));
  for (const present of readdirSync(to))
    if (!names.includes(present)) rmSync(join(to, present), { force: true });
}
