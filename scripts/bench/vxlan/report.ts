import { cpus, release } from "node:os";
import { median, pairedRatio } from "../statistics.ts";
import { judgeLeast, judgeMost, table } from "../table.ts";
import type { ScaleMeasured } from "./scale.ts";
import type { TrafficMeasured } from "./traffic.ts";

const repeatedGoal = 1.5;
const trafficGoal = 0.97;
/** The count of peers that the goal is about; all are compared with the smallest. */
const goalPeers = 1000;

function scaleTable(measured: readonly ScaleMeasured[]): string {
  const [least] = measured;
  const rows = measured.map(({ peers, first, repeated, joined }) => {
    const [wall, base] = [repeated, least?.repeated ?? []].map((costs) => costs.map((cost) => cost.wall));
    const cpu = median(repeated.map((cost) => cost.cpu));
    const ratio = pairedRatio(wall ?? [], base ?? []);
    const goal = peers === goalPeers ? repeatedGoal : undefined;
    return [
      String(peers),
      first.wall.toFixed(0),
      median(wall ?? []).toFixed(1),
      cpu.toFixed(1),
      ratio.toFixed(2),
      judgeMost(ratio, goal),
      joined.wall.toFixed(0),
    ];
  });
  const heading = [
    "peers",
    "first ADD ms",
    "repeated ADD ms",
    "CPU ms",
    "to 10 peers",
    "goal",
    "one peer more ms",
  ];
  return table([heading, ...rows]);
}

function trafficTable({ ours, byHand }: TrafficMeasured): string {
  const of = (key: "throughput" | "roundTrip") =>
    [ours, byHand].map((all) => all.map((each) => each[key])) as [number[], number[]];
  const [fast, fastByHand] = of("throughput");
  const [slow, slowByHand] = of("roundTrip");
  const throughput = pairedRatio(fast, fastByHand);
  // A round trip that is longer is worse.
  const roundTrip = pairedRatio(slowByHand, slow);
  const both = (one: number[], other: number[]) => `${median(one).toFixed(1)} / ${median(other).toFixed(1)}`;
  return table([
    ["pod to pod, ours / by hand", "median", "ratio", "goal"],
    ["TCP, Gbit/s", both(fast, fastByHand), throughput.toFixed(2), judgeLeast(throughput, trafficGoal)],
    ["round trip, us", both(slow, slowByHand), roundTrip.toFixed(2), judgeLeast(roundTrip, trafficGoal)],
  ]);
}

/** The measurements as Markdown. */
export function reportVxlan(scale: readonly ScaleMeasured[], traffic: TrafficMeasured): string {
  return [
    `The plugin vxlan on Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "CPU"}.`,
    "One node in the mode l3; a repeated ADD finds the overlay in order:",
    "",
    scaleTable(scale),
    "",
    "Two nodes, beside the same overlay made with ip(8) in the same run:",
    "",
    trafficTable(traffic),
  ].join("\n");
}
