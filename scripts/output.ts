/** A folder of output in which each file appears whole or not at all, also when two builds make it at once. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const PREFIX = ".build-";
const DAY = 24 * 3600_000;

/** What a build that was killed has left. One at work is not that old. */
function dropLeftovers(output: string): void {
  for (const name of readdirSync(output).filter((each) => each.startsWith(PREFIX))) {
    const path = join(output, name);
    const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > DAY) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Does the work in a folder beside its result: a rename moves what is made there, and programs can be run there, which /tmp may
 * forbid. It is gone afterwards.
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

/** Moves the files of a folder to another, each over the one of its name; what else is there goes. */
export function placeFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from);
  for (const name of names) renameSync(join(from, name), join(to, name));
  for (const present of readdirSync(to))
    if (!names.includes(present)) rmSync(join(to, present), { force: true });
}
