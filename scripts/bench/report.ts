import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { growthGoal } from "./cases.ts";
import type { Extent, Measured, Place, Series } from "./measure.ts";
import type { Verb } from "./site.ts";
import { median, pairedRatio } from "./statistics.ts";

const verbs = ["ADD", "DEL"] as const;

const milliseconds = (values: readonly number[]): string => median(values).toFixed(1);

function judge(ratio: number, goal: number | undefined): string {
  if (goal === undefined) return "";
  const missed = ratio > goal ? `, missed by ${Math.round((ratio / goal - 1) * 100)} %` : ", met";
  return `<= ${goal}${missed}`;
}

const row = (...cells: string[]): string => `| ${cells.join(" | ")} |`;

const both = (one: Series, other: Series, key: keyof Series): string =>
  `${milliseconds(one[key])} / ${milliseconds(other[key])}`;

function comparison({ subject, series }: Measured, verb: Verb, held: number): string {
  const of: (place: Place) => Series = (place) => series[verb][place];
  const [ours, theirs] =
    held === 0 ? [of("oursEmpty"), of("theirsEmpty")] : [of("oursHeld"), of("theirsHeld")];
  const wall = pairedRatio(ours.wall, theirs.wall);
  const cpu = pairedRatio(ours.cpu, theirs.cpu);
  const goal = subject.goals[verb]?.[held === 0 ? 0 : 1];
  return row(
    `${subject.name} ${verb}`,
    String(held),
    both(ours, theirs, "wall"),
    wall.toFixed(2),
    judge(wall, goal),
    both(ours, theirs, "cpu"),
    cpu.toFixed(2),
  );
}

function growth({ subject, series }: Measured, verb: Verb): string {
  const { oursEmpty, oursHeld, theirsEmpty, theirsHeld } = series[verb];
  const ours = pairedRatio(oursHeld.wall, oursEmpty.wall);
  const theirs = pairedRatio(theirsHeld.wall, theirsEmpty.wall);
  return row(`${subject.name} ${verb}`, ours.toFixed(2), judge(ours, growthGoal), theirs.toFixed(2));
}

/** The measurements as Markdown. */
export function report(measured: readonly Measured[], { pairs, held }: Extent): string {
  const counts = held === 0 ? [0] : [0, held];
  const comparisons = measured.flatMap((one) =>
    counts.flatMap((count) => verbs.map((verb) => comparison(one, verb, count))),
  );
  const growths = measured.flatMap((one) => verbs.map((verb) => growth(one, verb)));
  return [
    `Medians of ${pairs} pairs, ours / reference (Debian's containernetworking-plugins) in turn on one machine:`,
    `Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}. CPU time is that of the plugin and all it runs.`,
    "",
    row("call", "held", "wall ms", "wall ratio", "goal", "CPU ms", "CPU ratio"),
    row("---", "---", "---", "---", "---", "---", "---"),
    ...comparisons,
    "",
    `How a call slows down when ${held} attachments are held on the node (1 = not at all):`,
    "",
    row("call", "ours", "goal", "reference"),
    row("---", "---", "---", "---"),
    ...growths,
  ].join("\n");
}

const begin = "<!-- bench -->";
const end = "<!-- /bench -->";

/** Puts the report between the two marks of a Markdown file. */
export function writeReport(file: string, text: string): void {
  const old = readFileSync(file, "utf8");
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} ... ${end}`);
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
