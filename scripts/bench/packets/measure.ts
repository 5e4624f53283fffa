/** Connections per second through a node, with one attachment and with many. */
import { createOutside, distBin, type Network, type Outside } from "../../../test/helpers/index.ts";
import { evaluator, writeMain } from "../../module.ts";
import type { Extent } from "../extent.ts";
import { settle } from "../settle.ts";
import { containerPort, createSite, heldContainer, type Site } from "../site.ts";
import type { GeneratorRequest, Route, Traffic } from "./protocol.ts";
import type { PacketSubject } from "./subjects.ts";

/** The two kinds of translation on a connection's path. */
export const translations = ["masquerade", "hostPort"] as const;
export type Translation = (typeof translations)[number];

const fillings = ["one", "many"] as const;
type Filling = (typeof fillings)[number];

export interface MeasuredPackets {
  readonly subject: PacketSubject;
  /** The number of attachments on the full node. */
  readonly held: number;
  readonly traffic: Readonly<Record<Translation, Readonly<Record<Filling, Traffic[]>>>>;
}

/** A node with attachments, between one of them and the outside. */
interface Passage extends AsyncDisposable {
  run(translation: Translation, seconds: number): Promise<Traffic>;
}

const outsidePort = 7000;

function routesOf(outside: Outside, held: number): Record<Translation, Route> {
  // The one in the middle: where rules are evaluated one by one, its cost is the mean of all.
  const { name, hostPort } = heldContainer(Math.floor(held / 2));
  const inside = `/run/netns/${name}`;
  const beyond = `/proc/${outside.pid}/ns/net`;
  return {
    masquerade: {
      client: inside,
      server: beyond,
      serverPort: outsidePort,
      address: outside.address4,
      port: outsidePort,
    },
    hostPort: {
      client: beyond,
      server: inside,
      serverPort: containerPort,
      address: outside.nodeAddress4,
      port: hostPort,
    },
  };
}

async function openPassage(folder: string, network: Network, held: number): Promise<Passage> {
  const site: Site = await createSite(folder, network);
  const outside = await createOutside(site.node);
  await site.hold(held);
  const generator = await writeMain("scripts/bench/packets/generator.ts");
  const routes = routesOf(outside, held);
  return {
    run: async (translation, seconds) => {
      const request: GeneratorRequest = { route: routes[translation], seconds };
      const timeout = (seconds + 20) * 1000;
      return site.node.execJson<Traffic>(evaluator, [...generator.words, JSON.stringify(request)], {
        timeout,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await generator[Symbol.asyncDispose]();
      await outside.dispose();
      await site[Symbol.asyncDispose]();
    },
  };
}

/** Measures both kinds of translation: each round on the node with one attachment and on the full one, in turn. */
export async function measurePackets(subject: PacketSubject, extent: Extent): Promise<MeasuredPackets> {
  const [folder, held] = subject.isReference
    ? [extent.reference, extent.heldReference]
    : [distBin, extent.held];
  await using one = await openPassage(folder, subject.network, 1);
  await using many = await openPassage(folder, subject.network, held);
  const passages = { one, many };
  const traffic = { masquerade: { one: [], many: [] }, hostPort: { one: [], many: [] } } as Record<
    Translation,
    Record<Filling, Traffic[]>
  >;
  await settle(extent.settle);
  for (let round = 0; round < extent.rounds; round += 1) {
    const order = round % 2 === 0 ? fillings : [...fillings].reverse();
    for (const translation of translations)
      for (const filling of order)
        traffic[translation][filling].push(await passages[filling].run(translation, extent.seconds));
  }
  return { subject, held, traffic };
}
