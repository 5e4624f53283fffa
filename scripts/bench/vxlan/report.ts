import { cpus, release } from "node:os";
import { table } from "../../markdown.ts";
import { judgeLeast, judgeMost } from "../goals.ts";
import { median, pairedRatio } from "../statistics.ts";
import type { ScaleMeasured } from "./scale.ts";
import type { Traffic, TrafficMeasured } from "./traffic.ts";

const repeatedGoal = 1.5;
const trafficGoal = 0.97;
/** The number of peers of the goal. All are compared with the smallest number. */
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

function compareTraffic(what: string, ours: Traffic, other: Traffic): string[][] {
  const row = (unit: string, one: readonly number[], another: readonly number[], ratio: number) => [
    what,
    unit,
    `${median(one).toFixed(2)} / ${median(another).toFixed(2)}`,
    ratio.toFixed(2),
    judgeLeast(ratio, trafficGoal),
  ];
  const [fast, fastByHand] = [ours.throughput, other.throughput];
  const [slow, slowByHand] = [ours.roundTrip, other.roundTrip];
  return [
    row("TCP, Gbit/s", fast, fastByHand, pairedRatio(fast, fastByHand)),
    // For round trips, less is better.
    row("round trip, us", slow, slowByHand, pairedRatio(slowByHand, slow)),
  ];
}

function trafficTable({ ours, byHand }: TrafficMeasured): string {
  return table([
    ["pod to pod, ours / by hand", "", "median", "ratio", "goal"],
    ...compareTraffic('"guard": false / ip(8)', ours.open, byHand.open),
    ...compareTraffic("with guard / ip(8) and nft(8)", ours.guarded, byHand.guarded),
    ...compareTraffic("with guard / ip(8)", ours.guarded, byHand.open),
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
