/** The limits of calls: budget.json, beside this file. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Verb } from "../bench/protocol.ts";
import type { Counts } from "./measure.ts";

export interface Budget {
  /** The size of the heap image in bytes. */
  readonly image: number;
  /** By plugin. */
  readonly calls: Readonly<Record<string, Counts>>;
}

const file = new URL("budget.json", import.meta.url);

export const readBudget = (): Budget => JSON.parse(readFileSync(file, "utf8")) as Budget;

export const writeBudget = (budget: Budget): void =>
  writeFileSync(file, `${JSON.stringify(budget, undefined, 2)}\n`);

/**
 * The tolerance above the budget. The image has the same bytes everywhere but fills pages of the largest size. The
 * kernel maps several pages of a file at once, as they lie in the page cache: that differs by up to 25 page faults from build to build. It
 * counts memory per processor in portions.
 */
const margins = {
  image: { share: 0, least: 65_536 },
  faults: { share: 0.1, least: 32 },
  memory: { share: 0.1, least: 256 },
} as const;

type Kind = keyof typeof margins;

function excess(what: string, kind: Kind, figure: number, budget: number | undefined): string[] {
  if (budget === undefined) return [`${what}: ${figure}, and it has no budget`];
  const { share, least } = margins[kind];
  const most = Math.floor(budget + Math.max(share * budget, least));
  return figure <= most ? [] : [`${what}: ${figure}, its budget is ${budget} and at most ${most}`];
}

/** Describes the figures above their budget. */
export function excessOf(measured: Budget, budget: Budget): string[] {
  const calls = Object.entries(measured.calls).flatMap(([plugin, counts]) =>
    Object.entries(counts).flatMap(([verb, { faults, memory }]) => {
      const allowed = budget.calls[plugin]?.[verb as Verb];
      return [
        ...excess(`${plugin} ${verb}, page faults`, "faults", faults, allowed?.faults),
        ...excess(`${plugin} ${verb}, KiB of memory`, "memory", memory, allowed?.memory),
      ];
    }),
  );
  return [...excess("the image, bytes", "image", measured.image, budget.image), ...calls];
}
