import type { Cost } from "./protocol.ts";

/** The middle one, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The median of the ratios of what was measured side by side: a slow moment of the machine hits both sides of a
 * pair, and the ratio does not see it.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)));
}

/** One figure of each measurement. */
export const each = (costs: readonly Cost[], key: keyof Cost): number[] => costs.map((cost) => cost[key]);

/** The median of the ratios of one figure. */
export const ratioOf = (ours: readonly Cost[], theirs: readonly Cost[], key: keyof Cost): number =>
  pairedRatio(each(ours, key), each(theirs, key));
