import { distBin, referenceBin } from "../../test/helpers/index.ts";
import type { Case } from "./cases.ts";
import type { Answer } from "./protocol.ts";
import { settle } from "./settle.ts";
import { createSite, type Site, type Verb } from "./site.ts";

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

export interface Extent {
  readonly pairs: number;
  readonly held: number;
}

/** Calls that warm the caches before any is counted. */
const warmUps = 5;

const emptySeries = (): Record<Place, Series> => ({
  oursEmpty: { wall: [], cpu: [] },
  theirsEmpty: { wall: [], cpu: [] },
  oursHeld: { wall: [], cpu: [] },
  theirsHeld: { wall: [], cpu: [] },
});

function record(series: Series, { wall, cpu }: Answer): void {
  series.wall.push(wall);
  series.cpu.push(cpu);
}

async function openSites(subject: Case, { held, pairs }: Extent): Promise<Record<Place, Site>> {
  const sites = {
    oursEmpty: await createSite(distBin, subject),
    theirsEmpty: await createSite(referenceBin, subject),
    oursHeld: await createSite(distBin, subject),
    theirsHeld: await createSite(referenceBin, subject),
  };
  await sites.oursHeld.hold(held);
  await sites.theirsHeld.hold(held);
  const names = Array.from({ length: pairs + warmUps }, (_, round) => `measured${round}`);
  for (const place of places) await sites[place].prepare(names);
  await settle();
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
          const answer = await sites[place].measure(verb, `measured${round}`);
          if (round >= warmUps) record(series[verb][place], answer);
        }
      }
    }
  } finally {
    for (const place of places) await sites[place][Symbol.asyncDispose]();
  }
  return { subject, series };
}
