import { distBin, referenceBin } from "../../test/helpers/index.ts";
import type { Case } from "./cases.ts";
import type { Extent } from "./extent.ts";
import type { Cost, Verb } from "./protocol.ts";
import { settle } from "./settle.ts";
import { createSite, measuredContainer, type Site } from "./site.ts";

/** All measurements of one verb at one site, in the order they were made. */
export interface Series {
  readonly wall: number[];
  readonly cpu: number[];
}

/** Two implementations, each on an empty node and on one with attachments. */
export const places = ["oursEmpty", "theirsEmpty", "oursHeld", "theirsHeld"] as const;
export type Place = (typeof places)[number];

export interface Measured {
  readonly subject: Case;
  readonly series: Readonly<Record<Verb, Readonly<Record<Place, Series>>>>;
}

/** Calls that warm the caches before any is counted. */
const warmUps = 5;

const emptySeries = (): Record<Place, Series> => ({
  oursEmpty: { wall: [], cpu: [] },
  theirsEmpty: { wall: [], cpu: [] },
  oursHeld: { wall: [], cpu: [] },
  theirsHeld: { wall: [], cpu: [] },
});

function record(series: Series, { wall, cpu }: Cost): void {
  series.wall.push(wall);
  series.cpu.push(cpu);
}

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
      for (const verb of ["ADD", "DEL"] as const) {
        for (const place of order) {
          const cost = await sites[place].measure(verb, measuredContainer(round));
          if (round >= warmUps) record(series[verb][place], cost);
        }
      }
    }
  } finally {
    for (const place of places) await sites[place][Symbol.asyncDispose]();
  }
  return { subject, series };
}
