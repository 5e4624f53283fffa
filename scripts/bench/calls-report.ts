/** The cost of plugin calls, as Markdown. */

import { table } from "../markdown.ts";
import type { Extent } from "./extent.ts";
import { type Measured, type MeasuredVerb, verbs } from "./measure.ts";
import type { Cost } from "./protocol.ts";
import { each, median, ratioOf } from "./statistics.ts";
import { heldOf, titleOf } from "./titles.ts";

function both(ours: readonly Cost[], theirs: readonly Cost[], key: keyof Cost, digits: number): string {
  const [own, other] = [ours, theirs].map((costs) => median(each(costs, key)).toFixed(digits));
  return `${own} / ${other}`;
}

/** `held` is undefined for the empty nodes. */
function row(measured: Measured, verb: MeasuredVerb, held: string | undefined): string[] {
  const { oursEmpty, theirsEmpty, oursHeld, theirsHeld } = measured.series[verb];
  const [ours, theirs] = held === undefined ? [oursEmpty, theirsEmpty] : [oursHeld, theirsHeld];
  return [
    titleOf(measured, verb),
    held ?? "0",
    both(ours, theirs, "wall", 1),
    ratioOf(ours, theirs, "wall").toFixed(2),
    both(ours, theirs, "cpu", 1),
    ratioOf(ours, theirs, "cpu").toFixed(2),
    both(ours, theirs, "faults", 0),
  ];
}

const substitutes = ["", "\\* Each with its default: podwire uses nftables, the reference runs iptables."];

export function reportCalls(measured: readonly Measured[], extent: Extent): string[] {
  const counts = extent.held === 0 ? [undefined] : [undefined, heldOf(extent)];
  const rows = measured.flatMap((one) =>
    counts.flatMap((count) => verbs.map((verb) => row(one, verb, count))),
  );
  return [
    `Calls, ours / reference: medians of ${extent.pairs} pairs. Where a call names several plugins, it is the sum of`,
    "theirs. CPU time and page faults are those of the plugins and of all they run.",
    "",
    table([["call", "held", "wall ms", "wall ratio", "CPU ms", "CPU ratio", "page faults"], ...rows]),
    ...(measured.some(({ subject }) => subject.referenceRuns !== undefined) ? substitutes : []),
  ];
}
