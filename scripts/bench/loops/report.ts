import { cpus, release } from "node:os";
import { table } from "../../markdown.ts";
import { each, median } from "../statistics.ts";
import type { LoopFigure, MeasuredLoop } from "./measure.ts";
import type { LoopSubject } from "./subjects.ts";

/** The cost of one more entry between two counts, in milliseconds. */
function marginal(counts: readonly number[], costs: readonly number[], to: number): number {
  const [some = 0, more = 0] = [counts[to - 1], counts[to]];
  return ((costs[to] ?? 0) - (costs[to - 1] ?? 0)) / (more - some);
}

function rowOf(
  { entries, counts }: LoopSubject,
  { figure, costs }: LoopFigure,
  all: readonly number[],
): string[] {
  const medians = costs.map((rounds) => median(each(rounds, "cpu")));
  const last = counts.length - 1;
  const [fewer, more] = [marginal(counts, medians, last - 1), marginal(counts, medians, last)];
  const cell = (count: number) => medians[counts.indexOf(count)]?.toFixed(1) ?? "";
  return [
    figure,
    entries,
    ...all.map(cell),
    (more * 1000).toFixed(1),
    // Growth of a negligible cost is noise.
    fewer > 0.001 ? (more / fewer).toFixed(2) : "",
  ];
}

/** The measurements as Markdown. */
export function reportLoops(measured: readonly MeasuredLoop[]): string {
  const all = [...new Set(measured.flatMap(({ subject }) => subject.counts))].sort((a, b) => a - b);
  const rows = measured.flatMap(({ subject, figures }) =>
    figures.map((figure) => rowOf(subject, { ...figure, figure: `${subject.name}: ${figure.figure}` }, all)),
  );
  return [
    `Long lists on Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}: milliseconds of CPU time of a call, with all`,
    "that it runs, by the number of entries. Then what one entry more costs among the most, and how many times what it costs",
    "among fewer that is: 1 where a call is linear, and as much as there are more entries where it is quadratic.",
    "",
    table([["call", "of", ...all.map(String), "us an entry", "growth"], ...rows]),
  ].join("\n");
}
