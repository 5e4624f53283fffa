/** Countable costs of calls: page faults and memory. Unlike times, they are the same in every run. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtPlugin, distBin } from "../../test/helpers/index.ts";
import { network } from "../bench/networks.ts";
import type { Cost, Verb } from "../bench/protocol.ts";
import { attachmentOf, createSite, heldContainer, measuredContainer, type Site } from "../bench/site.ts";
import { each, median } from "../bench/statistics.ts";
import { startWorker } from "../bench/worker-process.ts";
import { imageSize } from "../engine/elf.ts";
import type { Subject } from "./subjects.ts";

export const verbs = ["VERSION", "ADD", "CHECK", "DEL", "GC", "STATUS"] as const satisfies readonly Verb[];

export interface Count {
  /** Page faults that the kernel served from memory. */
  readonly faults: number;
  /** The largest resident memory, in KiB. */
  readonly memory: number;
}

/** By verb. */
export type Counts = Readonly<Partial<Record<Verb, Count>>>;

const rounds = 5;

const countOf = (costs: readonly Cost[]): Count => ({
  faults: median(each(costs, "faults")),
  memory: median(each(costs, "memory")) / 1024,
});

async function countSite(site: Site, index: number): Promise<Counts> {
  const containers = Array.from({ length: rounds }, (_, round) => measuredContainer(round));
  await site.prepare([heldContainer(0), ...containers]);
  // The first attachment makes the shared objects, and stays.
  await site.measure("ADD", heldContainer(0));
  const costs = new Map<Verb, Cost[]>(verbs.map((verb) => [verb, []]));
  for (const container of containers) {
    for (const verb of verbs) {
      const cost = (await site.measure(verb, container)).at(verb === "DEL" ? -1 - index : index);
      if (cost !== undefined) costs.get(verb)?.push(cost);
    }
  }
  return Object.fromEntries([...costs].map(([verb, all]) => [verb, countOf(all)]));
}

/** Counts all verbs of a plugin, on its own node beside one attachment. Throws if a call fails. */
export async function countSubject({ network: chain, furnish }: Subject): Promise<Counts> {
  await using site = await createSite(distBin, chain);
  await using _furniture = await furnish?.(site);
  return await countSite(site, chain.plugins.length - 1);
}

/** Counts VERSION of the named plugins, which needs no node. */
export async function countVersions(names: readonly string[]): Promise<Counts[]> {
  const scratch = mkdtempSync(join(tmpdir(), "podwire-costs-"));
  try {
    const setup = { folder: distBin, network: network(...names.map((type) => ({ type }))), scratch };
    await using worker = await startWorker(setup);
    const request = {
      kind: "measure",
      verb: "VERSION",
      attachment: attachmentOf(measuredContainer(0)),
    } as const;
    const costs = await worker.ask(request);
    return costs.map((cost) => ({ VERSION: countOf([cost]) }));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** The size of the executable's heap image in bytes. */
export const countImage = (): number => imageSize(readFileSync(builtPlugin("podwire")));
