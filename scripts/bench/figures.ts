/** The five figures of the README: the calls that matter most, on a node that holds attachments. */

import { table } from "../markdown.ts";
import type { Extent } from "./extent.ts";
import type { Measured, MeasuredVerb } from "./measure.ts";
import type { Cost } from "./protocol.ts";
import type { Findings } from "./report.ts";
import { each, median, ratioOf } from "./statistics.ts";
import { heldOf } from "./titles.ts";

const START_OF = "bridge";

/** Case and verb of each row. */
const calls: readonly (readonly [string, MeasuredVerb])[] = [
  ["host-local", "ADD"],
  ["bridge+ipMasq", "ADD"],
  ["bridge+ipMasq", "DEL"],
  ["bridge+ipMasq+portmap", "ADD"],
];

function row(title: string, ours: readonly Cost[], theirs: readonly Cost[], digits: number): string[] {
  const cells = [ours, theirs].map((costs) => median(each(costs, "wall")).toFixed(digits));
  return [title, ...cells, ratioOf(ours, theirs, "wall").toFixed(2)];
}

function startRow({ start }: Findings): string[][] {
  const plugin = start?.plugins.find(({ name }) => name === START_OF);
  return plugin === undefined ? [] : [row(`${START_OF} VERSION`, plugin.ours, plugin.theirs, 2)];
}

function callRow(measured: readonly Measured[], name: string, verb: MeasuredVerb): string[][] {
  const series = measured.find(({ subject }) => subject.name === name)?.series[verb];
  return series === undefined ? [] : [row(`${name} ${verb}`, series.oursHeld, series.theirsHeld, 1)];
}

/** A sentence and the table; undefined if not all that it needs was measured. */
export function figuresOf(findings: Findings, extent: Extent): string | undefined {
  const rows = [
    ...startRow(findings),
    ...calls.flatMap(([name, verb]) => callRow(findings.calls, name, verb)),
  ];
  if (rows.length <= calls.length) return undefined;
  return [
    `Milliseconds of a call on a node that holds ${heldOf(extent)} containers, median of ${extent.pairs} pairs:`,
    "",
    table([["call", "podwire", "reference", "ratio"], ...rows]),
  ].join("\n");
}
