/** Which steps of a call a sweep visits. */
import { isWholeSweep } from "../../helpers/sweep.ts";
import { isChange } from "./sites.ts";
import type { Step } from "./system-calls.ts";

/** The sites that a question has visited, and in how many rows of the table. */
interface Visited {
  readonly sites: ReadonlySet<string>;
  readonly rows: number;
}
const visited = new Map<string, Visited>();

/** Of sites that were visited before, one in so many is visited again: what was done before it differs from row to row. */
const AGAIN = 6;

/**
 * Each system call site once; with PODWIRE_SWEEP=all, each step. Most sites that this file has visited before for the same
 * `question` are left out: plugins, their modes and their packet filters have most of their code in common.
 */
export const sitesOf = (steps: readonly Step[], question: string): Step[] => {
  if (isWholeSweep) return [...steps];
  const { sites, rows } = visited.get(question) ?? { sites: new Set(), rows: 0 };
  const seen = new Set<string>();
  // From row to row it is another one in so many.
  let repeated = rows;
  const chosen = steps.filter(({ site }) => {
    if (seen.has(site)) return false;
    seen.add(site);
    return !sites.has(site) || ++repeated % AGAIN === 0;
  });
  visited.set(question, { sites: new Set([...sites, ...seen]), rows: rows + 1 });
  return chosen;
};

/** The steps at which a kill makes a difference: a kill between two changes leaves what a kill at the second leaves. */
export const changesOf = (steps: readonly Step[]): Step[] => steps.filter(isChange);

/** Every `stride`-th step from `start` on; with PODWIRE_SWEEP=all, each. */
export const everyOther = (steps: readonly Step[], start: number, stride = 2): Step[] =>
  steps.filter((_, index) => isWholeSweep || index % stride === start);
