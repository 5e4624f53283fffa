import { distBin } from "../../test/helpers/index.ts";
import type { Case } from "./cases.ts";
import { buildEmptyProgram, emptyNetwork } from "./empty-program.ts";
import type { Extent } from "./extent.ts";
import { type Cost, sumOf } from "./protocol.ts";
import { settle } from "./settle.ts";
import { createSite, measuredContainer, type Site } from "./site.ts";

/** Two implementations, each on an empty node and on a full one. */
const siteNames = ["oursEmpty", "theirsEmpty", "oursHeld", "theirsHeld"] as const;
export type SiteName = (typeof siteNames)[number];
const isOurs = (name: SiteName): boolean => name === "oursEmpty" || name === "oursHeld";

/** The measured verbs. */
export const verbs = ["ADD", "DEL"] as const;
export type MeasuredVerb = (typeof verbs)[number];

/** The costs of one verb, in the order of the measurements. */
export interface Series extends Readonly<Record<SiteName, Cost[]>> {
  /** The costs of the same number of empty programs. */
  readonly limit: Cost[];
}

export interface Measured {
  readonly subject: Case;
  readonly series: Readonly<Record<MeasuredVerb, Series>>;
  /** The largest memory of any call of ours, in bytes, including the first calls, which make the shared objects. */
  readonly peak: Readonly<Record<MeasuredVerb, number>>;
}

/** Uncounted calls that fill the caches. */
export const warmUps = 5;

const emptySeries = (): Series => ({
  oursEmpty: [],
  theirsEmpty: [],
  oursHeld: [],
  theirsHeld: [],
  limit: [],
});

async function openSites({ network, furnish }: Case, extent: Extent) {
  const { held, heldReference, pairs, reference } = extent;
  const sites = {
    oursEmpty: await createSite(distBin, network, furnish),
    theirsEmpty: await createSite(reference, network, furnish),
    oursHeld: await createSite(distBin, network, furnish),
    theirsHeld: await createSite(reference, network, furnish),
  } satisfies Record<SiteName, Site>;
  await sites.oursHeld.hold(held);
  await sites.theirsHeld.hold(heldReference);
  const containers = Array.from({ length: pairs + warmUps }, (_, round) => measuredContainer(round));
  for (const name of siteNames) await sites[name].prepare(containers);
  await settle(extent.settle);
  return sites;
}

/** The costs that count, of one cost per plugin in the order of the verb's calls. */
function counted({ isLastAlone }: Case, verb: MeasuredVerb, costs: readonly Cost[]): readonly Cost[] {
  if (isLastAlone !== true) return costs;
  return verb === "DEL" ? costs.slice(0, 1) : costs.slice(-1);
}

/** Measures a case: in each round each site attaches a container, then each detaches it. */
export async function measureCase(subject: Case, extent: Extent): Promise<Measured> {
  await using program = await buildEmptyProgram();
  const plugins = subject.isLastAlone === true ? 1 : subject.network.plugins.length;
  await using limit = await createSite(program.folder, emptyNetwork(plugins));
  const sites = await openSites(subject, extent);
  const series = { ADD: emptySeries(), DEL: emptySeries() };
  const peak = { ADD: 0, DEL: 0 };
  try {
    for (let round = 0; round < extent.pairs + warmUps; round += 1) {
      const container = measuredContainer(round);
      // The order alternates: the first site finds the caches as the last one left them.
      const order = round % 2 === 0 ? siteNames : [...siteNames].reverse();
      for (const verb of verbs) {
        for (const name of order) {
          const cost = sumOf(counted(subject, verb, await sites[name].measure(verb, container)));
          if (round >= warmUps) series[verb][name].push(cost);
          if (isOurs(name)) peak[verb] = Math.max(peak[verb], cost.memory);
        }
        const least = await limit.measure("VERSION", container);
        if (round >= warmUps) series[verb].limit.push(sumOf(least));
      }
    }
  } finally {
    for (const name of siteNames) await sites[name][Symbol.asyncDispose]();
  }
  return { subject, series, peak };
}
