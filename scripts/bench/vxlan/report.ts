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

/** One row: ours beside another overlay. */
function compareTraffic(what: string, ours: readonly number[], other: readonly number[], isLess: boolean) {
  // A round trip that is longer is worse.
  const ratio = isLess ? pairedRatio(other, ours) : pairedRatio(ours, other);
  const medians = `${median(ours).toFixed(2)} / ${median(other).toFixed(2)}`;
  return [what, medians, ratio.toFixed(2), judgeLeast(ratio, trafficGoal)];
}

function trafficTable({ ours, byHand, guarded }: TrafficMeasured): string {
  const rows = [
    ["ip(8)", byHand],
    ["ip(8), and a guard with nft(8)", guarded],
  ] as const;
  return table([
    ["pod to pod, ours / by hand", "median", "ratio", "goal"],
    ...rows.flatMap(([how, other]) => [
      compareTraffic(`TCP, Gbit/s, ${how}`, ours.throughput, other.throughput, false),
      compareTraffic(`round trip, us, ${how}`, ours.roundTrip, other.roundTrip, true),
    ]),
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
    "Two nodes, beside the same overlay made by hand in the same run. One thread has both ends, so that only the",
    "kernel's path is measured, without the time in which a program wakes up:",
    "",
    trafficTable(traffic),
  ].join("\n");
}
