/** Reads package-lock.json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Locked {
  readonly version: string;
  /** npm's format: "sha512-" and base64. */
  readonly integrity: string;
  readonly license?: string;
}

/** The entry of a package in the lock file of a project. */
export function readLock(root: string, name: string): Locked {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, Locked | undefined>;
  };
  const found = lock.packages[`node_modules/${name}`];
  if (found === undefined) throw new Error(`package-lock.json has no ${name}`);
  return found;
}
