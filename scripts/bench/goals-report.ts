/** Goals and results as Markdown. */

import { table } from "../markdown.ts";
import { memoryGoal, startGoal } from "./cases.ts";
import type { Extent } from "./extent.ts";
import { judgeMost } from "./goals.ts";
import { type Measured, type MeasuredVerb, type Series, verbs } from "./measure.ts";
import type { MeasuredStart } from "./start/measure.ts";
import { ratioOf } from "./statistics.ts";
import { heldOf, titleOf } from "./titles.ts";

/** A call with goals. */
interface Wanted {
  readonly measured: Measured;
  readonly verb: MeasuredVerb;
  readonly series: Series;
  readonly goals: readonly [empty: number, held: number];
}

const wantedOf = (measured: readonly Measured[]): Wanted[] =>
  measured.flatMap((one) =>
    verbs.flatMap((verb) => {
      const goals = one.subject.goals[verb];
      return goals === undefined ? [] : [{ measured: one, verb, series: one.series[verb], goals }];
    }),
  );

const judged = (ratio: number, goal: number): string[] => [ratio.toFixed(2), judgeMost(ratio, goal)];

function callRow({ measured, verb, series, goals }: Wanted, { held }: Extent): string[] {
  const { oursEmpty, theirsEmpty, oursHeld, theirsHeld, limit } = series;
  const empty = judged(ratioOf(oursEmpty, theirsEmpty, "wall"), goals[0]);
  const full = held === 0 ? [] : judged(ratioOf(oursHeld, theirsHeld, "wall"), goals[1]);
  const theirs = held === 0 ? [theirsEmpty] : [theirsEmpty, theirsHeld];
  const limits = theirs.map((costs) => ratioOf(limit, costs, "wall").toFixed(2));
  return [titleOf(measured, verb), ...empty, ...full, limits.join(" / ")];
}

/** The row of the slowest plugin. */
function startRow({ plugins, limit }: MeasuredStart, { held }: Extent): string[][] {
  const compared = plugins.filter(({ theirs }) => theirs.length > 0);
  const [worst] = compared
    .map((plugin) => ({ ...plugin, ratio: ratioOf(plugin.ours, plugin.theirs, "wall") }))
    .sort((one, other) => other.ratio - one.ratio);
  if (worst === undefined) return [];
  const full = held === 0 ? [] : ["", ""];
  const least = ratioOf(limit, worst.theirs, "wall").toFixed(2);
  return [[`VERSION, the slowest: ${worst.name}`, ...judged(worst.ratio, startGoal), ...full, least]];
}

/** The growth of our call with attachments, and its memory. */
function ownRow({ measured, verb, series }: Wanted, { held }: Extent): string[] {
  const { oursEmpty, oursHeld, theirsEmpty, theirsHeld } = series;
  const ours = judged(
    ratioOf(oursHeld, oursEmpty, "wall"),
    measured.subject.growthGoal ?? Number.POSITIVE_INFINITY,
  );
  const theirs = ratioOf(theirsHeld, theirsEmpty, "wall").toFixed(2);
  const memory = judged(measured.peak[verb] / 1e6, memoryGoal / 1e6);
  return [titleOf(measured, verb), ...(held === 0 ? [] : [...ours, theirs]), ...memory];
}

function ratioTable(wanted: readonly Wanted[], start: MeasuredStart | undefined, extent: Extent): string[] {
  const full = extent.held === 0 ? [] : [`${heldOf(extent)} held`, "goal"];
  const rows = wanted.map((one) => callRow(one, extent));
  if (start !== undefined) rows.push(...startRow(start, extent));
  return [
    `Goals: our wall time as a ratio to the reference's, median of ${extent.pairs} pairs, with so many attachments held on the node.`,
    "The limit is a static C program that does nothing, once for each plugin of the call.",
    "",
    table([["call", "0 held", "goal", ...full, "limit"], ...rows]),
  ];
}

function ownTable(wanted: readonly Wanted[], extent: Extent): string[] {
  const growth = extent.held === 0 ? [] : ["ours", "goal", "reference"];
  const memory = "The most memory, in MB, that a process of ours had at once:";
  return [
    extent.held === 0
      ? memory
      : `Wall time with ${heldOf(extent)} held, as a ratio to that with none. ${memory}`,
    "",
    table([["call", ...growth, "memory", "goal"], ...wanted.map((one) => ownRow(one, extent))]),
  ];
}

/** Compares with the reference and with ourselves: only calls with goals. */
export function reportGoals(
  measured: readonly Measured[],
  start: MeasuredStart | undefined,
  extent: Extent,
): string[] {
  const wanted = wantedOf(measured);
  if (wanted.length === 0 && start === undefined) return [];
  const own = wanted.length === 0 ? [] : ["", ...ownTable(wanted, extent)];
  return [...ratioTable(wanted, start, extent), ...own];
}
