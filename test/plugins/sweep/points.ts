/** Which steps of a call a sweep visits. */
import { isWholeSweep } from "../../helpers/sweep.ts";
import { isChange } from "./sites.ts";
import type { Step } from "./system-calls.ts";

const visited = new Map<string, Set<string>>();

/** Of sites that were visited before, one in so many is visited again: what comes before a site differs from row to row. */
const AGAIN = 6;

/**
 * Each system call site once; with PODWIRE_SWEEP=all, each step. Most sites that this file has visited before under `scenario`
 * are left out: the rows of a plugin, such as its modes or its packet filters, have most of their code in common.
 */
export const sitesOf = (steps: readonly Step[], scenario: string): Step[] => {
  if (isWholeSweep) return [...steps];
  const former = visited.get(scenario) ?? new Set();
  const seen = new Set<string>();
  let repeated = 0;
  const chosen = steps.filter(({ site }) => {
    if (seen.has(site)) return false;
    seen.add(site);
    return !former.has(site) || ++repeated % AGAIN === 0;
  });
  visited.set(scenario, new Set([...former, ...seen]));
  return chosen;
};

/** The steps at which a kill makes a difference: a kill between two changes leaves what a kill at the second leaves. */
export const changesOf = (steps: readonly Step[]): Step[] => steps.filter(isChange);

/** Every `stride`-th step from `start` on; with PODWIRE_SWEEP=all, each. */
export const everyOther = (steps: readonly Step[], start: number, stride = 2): Step[] =>
  steps.filter((_, index) => isWholeSweep || index % stride === start);
