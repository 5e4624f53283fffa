/** A folder that exists only when it is complete. */
import { mkdirSync, renameSync, rmSync } from "node:fs";

/**
 * Fills a folder under another name and renames it at the end. The old folder is removed first: after a failure or
 * kill, no file is old or half written.
 */
export async function fillFolder(folder: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  for (const old of [folder, unfinished]) rmSync(old, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  await fill(unfinished);
  renameSync(unfinished, folder);
}
