/**
 * Runs in the engine: exchanges data between the two pods of each overlay, in turn, and prints the rates. One thread
 * has both ends, each in its pod's namespace: no process has to wake up, nearly all of the time is the kernel's, and
 * slow moments of the machine affect all overlays alike.
 */
import { monotonicMilliseconds } from "../../../shared/system/clock.ts";
import { writeStandardOutput } from "../../../shared/system/stdio.ts";
import { within } from "../namespace.ts";
import { connectTo, createPasser, createPump, datagramSocket, directTo, listenOn } from "../sockets.ts";

/** The input, its only argument. An overlay is given by the paths of its pods' network namespaces. */
export interface ExchangeRequest {
  readonly overlays: readonly (readonly [client: string, server: string])[];
  /** The number of slices of each overlay, and their length. */
  readonly slices: number;
  readonly milliseconds: number;
}

/** The output, one number for each slice of each overlay: microseconds of a round trip, Gbit/s of one stream. */
export interface Exchanged {
  readonly roundTrip: number[][];
  readonly throughput: number[][];
}

const [clientAddress, serverAddress] = ["10.244.1.2", "10.244.2.2"];
const port = 7000;
const clientPort = 7001;
const datagram = 64;
const chunk = 256 * 1024;
/** Exchanges between two readings of the clock. */
const batch = 50;

type Ends = readonly [client: number, server: number];

function datagramEnds([client, server]: ExchangeRequest["overlays"][number]): Ends {
  const ends = [
    within(client, () => datagramSocket(clientAddress, clientPort)),
    within(server, () => datagramSocket(serverAddress, port)),
  ] as const;
  directTo(ends[0], serverAddress, port);
  directTo(ends[1], clientAddress, clientPort);
  return ends;
}

function streamEnds([client, server]: ExchangeRequest["overlays"][number]): Ends {
  const listener = within(server, () => listenOn(port));
  return within(client, () => connectTo(listener, serverAddress, port));
}

/** Repeats `work` for a while. Returns the sum of its results per millisecond. */
function rate(milliseconds: number, work: () => number): number {
  const begin = monotonicMilliseconds();
  let sum = 0;
  while (monotonicMilliseconds() - begin < milliseconds)
    for (let one = 0; one < batch; one += 1) sum += work();
  return sum / (monotonicMilliseconds() - begin);
}

/**
 * Measures all in turn, alternating the direction, so that each comes first equally often. The first slice is warm-up.
 */
function takeTurns({ slices, milliseconds }: ExchangeRequest, works: readonly (() => number)[]): number[][] {
  const rates = works.map((): number[] => []);
  const order = works.map((work, index) => ({ work, index }));
  for (let slice = 0; slice <= slices; slice += 1) {
    for (const { work, index } of slice % 2 === 0 ? order : [...order].reverse()) {
      const measured = rate(milliseconds, work);
      if (slice > 0) rates[index]?.push(measured);
    }
  }
  return rates;
}

function exchange(request: ExchangeRequest): Exchanged {
  const pass = createPasser(datagram);
  const trips = request.overlays.map(datagramEnds).map(([client, server]) => () => {
    pass(client, server);
    pass(server, client);
    return 1;
  });
  const pump = createPump(chunk);
  const streams = request.overlays.map(streamEnds).map(
    ([client, server]) =>
      () =>
        pump(client, server),
  );
  return {
    roundTrip: takeTurns(request, trips).map((rates) => rates.map((trip) => 1000 / trip)),
    throughput: takeTurns(request, streams).map((rates) => rates.map((bytes) => (bytes * 8) / 1e6)),
  };
}

export function main([request = ""]: readonly string[]): number {
  writeStandardOutput(JSON.stringify(exchange(JSON.parse(request) as ExchangeRequest)));
  return 0;
}
