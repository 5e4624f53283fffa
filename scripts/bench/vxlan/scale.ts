/** The cost of ADD on one node of an overlay with many peers. */
import { writeFileSync } from "node:fs";
import { builtPlugin } from "../../../test/helpers/index.ts";
import { createUnderlay, type Member, type Underlay } from "../../../test/helpers/underlay.ts";
import { evaluator, type ModuleScript, writeMain } from "../../module.ts";
import type { Cost } from "../protocol.ts";

const peerCounts = [10, 100, 1000, 5000] as const;

export interface ScaleMeasured {
  readonly peers: number;
  /** The node's first ADD, which makes everything. */
  readonly first: Cost;
  /** ADDs that find the overlay in order. The same index is the same round for all numbers of peers. */
  readonly repeated: readonly Cost[];
  /** An ADD after one peer was added. */
  readonly joined: Cost;
}

/** A network in the mode l3 with this many peers. */
export function overlayConfiguration(count: number) {
  const peers = Array.from({ length: count }, (_, at) => {
    const [high, low] = [(at + 1) >> 8, (at + 1) & 0xff];
    return { vtep: `198.18.${high}.${low}`, subnets: [`10.${128 + high}.${low}.0/24`] };
  });
  return {
    cniVersion: "1.1.0",
    name: "bench",
    type: "vxlan",
    mode: "l3",
    vni: 100,
    underlay: { dev: "eth0" },
    l3: { network: "10.0.0.0/8", subnets: ["10.1.1.0/24"] },
    discovery: { type: "static", peers },
    ipam: { type: "host-local" },
  };
}

interface Place {
  readonly peers: number;
  readonly underlay: Underlay;
  measure(count: number, times: number): Promise<Cost[]>;
}

async function openPlace(worker: ModuleScript, peers: number): Promise<Place> {
  const underlay = await createUnderlay(1);
  const node = underlay.members[0] as Member;
  await node.addNetns("pod");
  return {
    peers,
    underlay,
    measure: async (count, times) => {
      const file = `/run/bench-${count}.json`;
      writeFileSync(node.path(file), JSON.stringify(overlayConfiguration(count)));
      const args = [...worker.words, builtPlugin("vxlan"), file, String(times)];
      return node.execJson<Cost[]>(evaluator, args, { timeout: 120_000 });
    },
  };
}

/** Measures all numbers of peers: in each round one repeated ADD with each, in turn. */
export async function measureScale(rounds: number): Promise<ScaleMeasured[]> {
  await using worker = await writeMain("scripts/bench/vxlan/worker.ts");
  const places: Place[] = [];
  try {
    for (const peers of peerCounts) places.push(await openPlace(worker, peers));
    const firsts: Cost[] = [];
    const repeated: Cost[][] = places.map(() => []);
    for (const place of places) firsts.push(...(await place.measure(place.peers, 1)));
    for (let round = 0; round < rounds; round += 1) {
      const order = [...places.entries()];
      for (const [index, place] of round % 2 === 0 ? order : order.reverse()) {
        // The first ADD of a worker finds colder caches than a runtime's.
        const [, ...costs] = await place.measure(place.peers, 3);
        repeated[index]?.push(...costs);
      }
    }
    const measured: ScaleMeasured[] = [];
    for (const [index, place] of places.entries()) {
      const [joined] = await place.measure(place.peers + 1, 1);
      measured.push({
        peers: place.peers,
        first: firsts[index] as Cost,
        repeated: repeated[index] ?? [],
        joined: joined as Cost,
      });
    }
    return measured;
  } finally {
    for (const { underlay } of places) await underlay[Symbol.asyncDispose]();
  }
}
