import { distBin, referenceBin } from "../../test/helpers/index.ts";
import type { Case } from "./cases.ts";
import type { Extent } from "./extent.ts";
import { type Cost, sumOf } from "./protocol.ts";
import { settle } from "./settle.ts";
import { createSite, measuredContainer, type Site } from "./site.ts";

/** Two implementations, each on an empty node and on one with attachments. */
export const places = ["oursEmpty", "theirsEmpty", "oursHeld", "theirsHeld"] as const;
export type Place = (typeof places)[number];

/** The verbs that are measured. */
export const verbs = ["ADD", "DEL"] as const;
export type MeasuredVerb = (typeof verbs)[number];

export interface Measured {
  readonly subject: Case;
  /** The costs of one verb at one site, in the order in which they were measured. */
  readonly series: Readonly<Record<MeasuredVerb, Readonly<Record<Place, Cost[]>>>>;
}

/** Calls that warm the caches before any is counted. */
const warmUps = 5;

const emptySeries = (): Record<Place, Cost[]> => ({
  oursEmpty: [],
  theirsEmpty: [],
  oursHeld: [],
  theirsHeld: [],
});

async function openSites({ network }: Case, extent: Extent) {
  const { held, heldReference, pairs } = extent;
  const sites = {
    oursEmpty: await createSite(distBin, network),
    theirsEmpty: await createSite(referenceBin, network),
    oursHeld: await createSite(distBin, network),
    theirsHeld: await createSite(referenceBin, network),
  } satisfies Record<Place, Site>;
  await sites.oursHeld.hold(held);
  await sites.theirsHeld.hold(heldReference);
  const containers = Array.from({ length: pairs + warmUps }, (_, round) => measuredContainer(round));
  for (const place of places) await sites[place].prepare(containers);
  await settle(extent.settle);
  return sites;
}

/** Measures a case: in every round each site attaches a container, then each detaches it. */
export async function measureCase(subject: Case, extent: Extent): Promise<Measured> {
  const sites = await openSites(subject, extent);
  const series = { ADD: emptySeries(), DEL: emptySeries() };
  try {
    for (let round = 0; round < extent.pairs + warmUps; round += 1) {
      // Who goes first changes with every round: the first one finds the caches as the last one left them.
      const order = round % 2 === 0 ? places : [...places].reverse();
      for (const verb of verbs) {
        for (const place of order) {
          const costs = await sites[place].measure(verb, measuredContainer(round));
          if (round >= warmUps) series[verb][place].push(sumOf(costs));
        }
      }
    }
  } finally {
    for (const place of places) await sites[place][Symbol.asyncDispose]();
  }
  return { subject, series };
}
