/** How much a limited container receives and sends, by podwire's bandwidth and by the reference's. */
import { join } from "node:path";
import { createNode, distBin, type Node, Runtime } from "../../../test/helpers/index.ts";
import { root } from "../../bundle.ts";
import { network, ptp } from "../networks.ts";

export const directions = ["ingress", "egress"] as const;
export type Direction = (typeof directions)[number];

/** Bits a second. */
const limits = [10e6, 100e6, 1e9];

export interface Shaped {
  readonly direction: Direction;
  /** Bits a second, with headers: the limit, and what passed. */
  readonly limit: number;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

const program = join(root, "scripts/bench/shaping/stream.mjs");
const port = 7000;
/** For the burst, and for TCP to find the rate. */
const warmUpMilliseconds = 1000;
/** Of each Ethernet frame of 1514 bytes TCP with timestamps has so many for the program. */
const [frame, payload] = [1514, 1448];

/** The bits a second of a stream, with the headers of its frames. */
async function streamRate(node: Node, direction: Direction, seconds: number): Promise<number> {
  const [container, host] = [{ netns: "pod" }, {}];
  const [from, to] = direction === "ingress" ? [host, container] : [container, host];
  const address = direction === "ingress" ? "10.64.0.2" : "10.64.0.1";
  const args = [program, "receive", port, warmUpMilliseconds, seconds * 1000].map(String);
  const receiver = node.start(process.execPath, args, to);
  await receiver.firstLine();
  await node.exec(process.execPath, [program, "send", address, String(port)], from);
  const [, line = ""] = (await receiver.ended).stdout.split("\n");
  const { bytes, milliseconds } = JSON.parse(line) as { bytes: number; milliseconds: number };
  return (8000 * bytes * frame) / payload / milliseconds;
}

async function ratesOf(
  folder: string,
  direction: Direction,
  limit: number,
  rounds: number,
  seconds: number,
): Promise<number[]> {
  await using node = await createNode();
  // A burst of 10 ms, and of several frames at least.
  const keys = { [`${direction}Rate`]: limit, [`${direction}Burst`]: Math.max(limit / 100, 240_000) };
  const runtime = new Runtime(node, network(ptp, { type: "bandwidth", ...keys }), folder);
  await runtime.add({ containerId: "pod", netns: await node.addNetns("pod"), ifname: "eth0" });
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) rates.push(await streamRate(node, direction, seconds));
  return rates;
}

/** Measures both directions at several rates. */
export async function measureShaping(reference: string, rounds: number, seconds: number): Promise<Shaped[]> {
  const shaped: Shaped[] = [];
  for (const direction of directions)
    for (const limit of limits) {
      const [ours, theirs] = [
        await ratesOf(distBin, direction, limit, rounds, seconds),
        await ratesOf(reference, direction, limit, rounds, seconds),
      ];
      shaped.push({ direction, limit, ours, theirs });
    }
  return shaped;
}
