import { describe, expect, test } from "vitest";
import { cases } from "../../scripts/bench/cases.ts";
import type { Extent } from "../../scripts/bench/extent.ts";
import { figuresOf } from "../../scripts/bench/figures.ts";
import type { Measured, Series } from "../../scripts/bench/measure.ts";
import type { Cost } from "../../scripts/bench/protocol.ts";

const cost = (wall: number): Cost => ({ wall, cpu: wall, faults: 0, memory: 0 });

/** Ours and the reference's wall times on the nodes that hold attachments; the empty ones have others. */
const seriesOf = (ours: number, theirs: number): Series => ({
  oursEmpty: [cost(1000)],
  theirsEmpty: [cost(1000)],
  oursHeld: [cost(ours)],
  theirsHeld: [cost(theirs)],
  limit: [],
});

const calls: Measured[] = cases.map((subject, index) => ({
  subject,
  series: { ADD: seriesOf(index + 1, 10), DEL: seriesOf(index + 1, 100) },
  peak: { ADD: 0, DEL: 0 },
}));
const extent: Extent = {
  reference: "/usr/lib/cni",
  pairs: 7,
  held: 100,
  heldReference: 100,
  rounds: 1,
  seconds: 1,
  settle: 0,
};
const start = { plugins: [{ name: "bridge", ours: [cost(0.514)], theirs: [cost(3.2)] }], limit: [] };

describe("the figures of the README", () => {
  test("are five, of the nodes that hold attachments", () => {
    const [sentence, empty, , , ...rows] =
      figuresOf({ calls, start, packets: [] }, extent)?.split("\n") ?? [];
    expect([sentence, empty]).toEqual([
      "Milliseconds of a call on a node that holds 100 containers, median of 7 pairs:",
      "",
    ]);
    const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
    expect(cells.map((row) => row.slice(1, -1))).toEqual([
      ["bridge VERSION", "0.51", "3.20", "0.16"],
      ["host-local ADD", "1.0", "10.0", "0.10"],
      ["bridge+ipMasq ADD", "3.0", "10.0", "0.30"],
      ["bridge+ipMasq DEL", "3.0", "100.0", "0.03"],
      ["bridge+ipMasq+portmap ADD", "5.0", "10.0", "0.50"],
    ]);
  });

  test("are not there without one of them", () => {
    expect(figuresOf({ calls, start: undefined, packets: [] }, extent)).toBeUndefined();
    expect(figuresOf({ calls: calls.slice(1), start, packets: [] }, extent)).toBeUndefined();
  });
});
