/** The parts of an executable, as its build has recorded them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Linked } from "../engine/linked.ts";

const readNote = (built: string, name: string): unknown =>
  JSON.parse(readFileSync(join(built, `podwire.${name}.json`), "utf8"));

/** The engine and the libraries in C. */
export const linkedParts = (built: string): Linked[] => readNote(built, "linked") as Linked[];

/** The npm packages with files in the bundle, sorted. */
export function bundledPackages(built: string): string[] {
  const { inputs } = readNote(built, "meta") as { inputs: Record<string, unknown> };
  const names = Object.keys(inputs).map(
    (path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? "",
  );
  return [...new Set(names)].filter((name) => name !== "").sort();
}
