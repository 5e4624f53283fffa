/** The costs of calls as a table for a terminal. */
import { table } from "../markdown.ts";
import type { Budget } from "./budget.ts";
import { type Count, verbs } from "./measure.ts";

const shown = (count: Count | undefined): string =>
  count === undefined ? "" : `${count.faults} / ${(count.memory / 1024).toFixed(1)}`;

export function reportCosts({ image, calls }: Budget, missing: readonly string[]): string {
  const present = verbs.filter((verb) => Object.values(calls).some((counts) => counts[verb] !== undefined));
  const rows = Object.entries(calls).map(([plugin, counts]) => [
    plugin,
    ...present.map((verb) => shown(counts[verb])),
  ]);
  return [
    `image: ${(image / 1e6).toFixed(2)} MB; page faults and MiB of resident memory, by plugin and verb:`,
    table([["plugin", ...present], ...rows]),
    ...missing,
  ].join("\n");
}
