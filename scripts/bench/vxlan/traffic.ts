/** Throughput and delay between pods, over our overlay and over one made by hand. */
import { execa } from "execa";
import { builtPlugin } from "../../../test/helpers/index.ts";
import { createUnderlay, type Underlay } from "../../../test/helpers/underlay.ts";
import { evaluator, writeMain } from "../../module.ts";
import { guardedByHand, overlayByHand } from "./by-hand.ts";
import type { Exchanged } from "./exchange.ts";

const sliceMilliseconds = 50;

/** One number per slice: Gbit/s of a TCP stream, microseconds of a UDP round trip. */
export interface Traffic {
  readonly throughput: readonly number[];
  readonly roundTrip: readonly number[];
}

/** An overlay without the guard, and one with it. */
export interface Overlays<Each> {
  readonly open: Each;
  readonly guarded: Each;
}

export interface TrafficMeasured {
  readonly ours: Overlays<Traffic>;
  readonly byHand: Overlays<Traffic>;
}

/** Pods called "pod" at 10.244.1.2 and 10.244.2.2. */
async function overlayOfOurs(guard: boolean): Promise<Underlay> {
  const underlay = await createUnderlay(2);
  for (const [own, node] of underlay.members.entries()) {
    const peer = 1 - own;
    const config = {
      cniVersion: "1.1.0",
      name: "bench",
      type: "vxlan",
      mode: "l3",
      vni: 100,
      guard,
      l3: { network: "10.244.0.0/16", subnets: [`10.244.${own + 1}.0/24`] },
      discovery: { peers: [{ vtep: `192.0.2.${peer + 1}`, subnets: [`10.244.${peer + 1}.0/24`] }] },
      ipam: { type: "host-local" },
    };
    const netns = await node.addNetns("pod");
    const call = { command: "ADD", containerId: "bench", netns, ifname: "eth0", config } as const;
    const run = await node.plugin(builtPlugin("vxlan"), call);
    if (run.exitCode !== 0) throw new Error(run.stdout);
  }
  return underlay;
}

const podsOf = ({ members }: Underlay) => members.map((member) => member.path("/run/netns/pod"));

/** Measures all overlays in turn, in many short slices. */
export async function measureTraffic(seconds: number): Promise<TrafficMeasured> {
  await using open = await overlayOfOurs(false);
  await using guarded = await overlayOfOurs(true);
  await using openByHand = await overlayByHand();
  await using guardedOne = await guardedByHand();
  const slices = Math.ceil((seconds * 1000) / sliceMilliseconds);
  const overlays = [open, openByHand, guarded, guardedOne].map(podsOf);
  const request = { overlays, slices, milliseconds: sliceMilliseconds };
  await using script = await writeMain("scripts/bench/vxlan/exchange.ts");
  const { stdout } = await execa(evaluator, [...script.words, JSON.stringify(request)]);
  const { roundTrip, throughput } = JSON.parse(stdout) as Exchanged;
  const of = (index: number) => ({
    roundTrip: roundTrip[index] ?? [],
    throughput: throughput[index] ?? [],
  });
  return { ours: { open: of(0), guarded: of(2) }, byHand: { open: of(1), guarded: of(3) } };
}
