/** What the calls of plugins cost, as Markdown. */
import { growthGoal } from "./cases.ts";
import type { Extent } from "./extent.ts";
import { type Measured, type MeasuredVerb, type Place, verbs } from "./measure.ts";
import type { Cost } from "./protocol.ts";
import { median, pairedRatio } from "./statistics.ts";
import { judgeMost, table } from "./table.ts";

const milliseconds = (values: readonly number[]): string => median(values).toFixed(1);

type Series = readonly Cost[];

const each = (series: Series, key: keyof Cost): number[] => series.map((cost) => cost[key]);

const both = (one: Series, other: Series, key: keyof Cost): string =>
  `${milliseconds(each(one, key))} / ${milliseconds(each(other, key))}`;

const ratio = (one: Series, other: Series, key: keyof Cost): number =>
  pairedRatio(each(one, key), each(other, key));

const title = ({ subject }: Measured, verb: MeasuredVerb): string =>
  `${subject.name} ${verb}${subject.referenceRuns === undefined ? "" : " \\*"}`;

/** `held` is undefined for the empty nodes. */
function comparison(measured: Measured, verb: MeasuredVerb, held: string | undefined): string[] {
  const { subject, series } = measured;
  const of = (place: Place): Series => series[verb][place];
  const [ours, theirs] =
    held === undefined ? [of("oursEmpty"), of("theirsEmpty")] : [of("oursHeld"), of("theirsHeld")];
  const wall = ratio(ours, theirs, "wall");
  const goal = subject.goals[verb]?.[held === undefined ? 0 : 1];
  return [
    title(measured, verb),
    held ?? "0",
    both(ours, theirs, "wall"),
    wall.toFixed(2),
    judgeMost(wall, goal),
    both(ours, theirs, "cpu"),
    ratio(ours, theirs, "cpu").toFixed(2),
  ];
}

function growth(measured: Measured, verb: MeasuredVerb): string[] {
  const { oursEmpty, oursHeld, theirsEmpty, theirsHeld } = measured.series[verb];
  const ours = ratio(oursHeld, oursEmpty, "wall");
  const theirs = ratio(theirsHeld, theirsEmpty, "wall");
  return [title(measured, verb), ours.toFixed(2), judgeMost(ours, growthGoal), theirs.toFixed(2)];
}

const substitutes = [
  "",
  "\\* The reference has no nftables backend in this version and ignores the key: it runs iptables there.",
];

function comparisons(measured: readonly Measured[], extent: Extent): string {
  const { held, heldReference } = extent;
  const full = held === heldReference ? String(held) : `${held} / ${heldReference}`;
  const counts = held === 0 ? [undefined] : [undefined, full];
  const rows = measured.flatMap((one) =>
    counts.flatMap((count) => verbs.map((verb) => comparison(one, verb, count))),
  );
  return table([["call", "held", "wall ms", "wall ratio", "goal", "CPU ms", "CPU ratio"], ...rows]);
}

function growths(measured: readonly Measured[], { held, heldReference }: Extent): string[] {
  if (held === 0) return [];
  const theirs = held === heldReference ? "" : ` (${heldReference} for the reference)`;
  const rows = measured.flatMap((one) => verbs.map((verb) => growth(one, verb)));
  return [
    "",
    `How a call slows down when ${held} attachments are held on the node${theirs}; 1 = not at all:`,
    "",
    table([["call", "ours", "goal", "reference"], ...rows]),
  ];
}

export function reportCalls(measured: readonly Measured[], extent: Extent): string[] {
  return [
    `Calls, ours / reference: medians of ${extent.pairs} pairs. Where a call names several plugins, it is the sum of`,
    "theirs. CPU time is that of the plugins and all they run.",
    "",
    comparisons(measured, extent),
    ...(measured.some(({ subject }) => subject.referenceRuns !== undefined) ? substitutes : []),
    ...growths(measured, extent),
  ];
}
