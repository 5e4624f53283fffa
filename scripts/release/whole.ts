/** A folder that is there only when all of it is made. */
import { mkdirSync, renameSync, rmSync } from "node:fs";

/**
 * Has a folder filled under another name, and gives it its own at the end. What was there before is gone from the
 * start: after a failure, or a kill, nothing that is old can be taken for new, nor what is half for whole.
 */
export async function makeWhole(folder: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  for (const old of [folder, unfinished]) rmSync(old, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  await fill(unfinished);
  renameSync(unfinished, folder);
}
