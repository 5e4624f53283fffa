/** How fast packets pass from pod to pod, over our overlay and over one that was made by hand. */
import { builtPlugin, type Node } from "../../../test/helpers/index.ts";
import { createUnderlay, type Member, type Underlay } from "../../../test/helpers/underlay.ts";
import { overlayByHand } from "./by-hand.ts";

/** Of one stream of TCP, in Gbit/s; of a ping, in microseconds. */
export interface Traffic {
  readonly throughput: number;
  readonly roundTrip: number;
}

export interface TrafficMeasured {
  readonly ours: readonly Traffic[];
  readonly byHand: readonly Traffic[];
}

/** Pods called "pod" at 10.244.1.2 and 10.244.2.2. */
async function overlayOfOurs(): Promise<Underlay> {
  const underlay = await createUnderlay(2);
  for (const [own, node] of underlay.members.entries()) {
    const peer = 1 - own;
    const config = {
      cniVersion: "1.1.0",
      name: "bench",
      type: "vxlan",
      mode: "l3",
      vni: 100,
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

const inPod = { netns: "pod" };

async function throughput(client: Node, seconds: number): Promise<number> {
  const args = ["-c", "10.244.2.2", "-J", "-t", String(seconds), "-O", "1"];
  const timeout = (seconds + 20) * 1000;
  const { end } = await client.execJson<{ end: { sum_received: { bits_per_second: number } } }>(
    "iperf3",
    args,
    {
      ...inPod,
      timeout,
    },
  );
  return end.sum_received.bits_per_second / 1e9;
}

async function roundTrip(client: Node): Promise<number> {
  const { stdout } = await client.exec(
    "ping",
    ["-q", "-n", "-i", "0.001", "-c", "2000", "10.244.2.2"],
    inPod,
  );
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1];
  if (average === undefined) throw new Error(stdout);
  return Number(average) * 1000;
}

async function startServer({ members }: Underlay) {
  const server = (members[1] as Member).start("iperf3", ["-s", "--forceflush"], inPod);
  await server.firstLine();
  return server;
}

/** Measures both in every round, in turn. */
export async function measureTraffic(rounds: number, seconds: number): Promise<TrafficMeasured> {
  await using ours = await overlayOfOurs();
  await using byHand = await overlayByHand();
  const sites = { ours, byHand };
  const measured = { ours: [] as Traffic[], byHand: [] as Traffic[] };
  await using _ours = await startServer(ours);
  await using _byHand = await startServer(byHand);
  const names = ["ours", "byHand"] as const;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const client = sites[name].members[0] as Member;
      measured[name].push({
        throughput: await throughput(client, seconds),
        roundTrip: await roundTrip(client),
      });
    }
  }
  return measured;
}
