import type { Cost } from "./protocol.ts";

/** The median: the middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The median of the ratios of paired measurements: a slow moment of the machine affects both sides of a pair, so it
 * cancels out.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)));
}

/** One figure of all measurements. */
export const each = (costs: readonly Cost[], key: keyof Cost): number[] => costs.map((cost) => cost[key]);

/** The median ratio of one figure. */
export const ratioOf = (ours: readonly Cost[], theirs: readonly Cost[], key: keyof Cost): number =>
  pairedRatio(each(ours, key), each(theirs, key));
