/**
 * Runs on a node, under Bun: makes TCP connections one after the other and says how many it made. One thread has
 * both ends, each in its namespace: no other process has to wake up, and the kernel's part is nearly all of it.
 */
import { setSysctl } from "../../../shared/system/sysctl.ts";
import { within } from "../namespace.ts";
import { createConnector, listenOn } from "../sockets.ts";
import type { GeneratorRequest, Traffic } from "./protocol.ts";

/** Long enough for neighbours to be found and for this loop to be compiled. */
const warmUpSeconds = 0.5;

/** Connections between two looks at the clock. */
const batch = 20;

/**
 * The kernel remembers translated connections for a while, and its table is the whole machine's. A port that
 * is used again takes its old place there, so a few thousand ports keep the table small and as full as it was.
 */
const clientPorts = "32768 36863";

function connectFor(seconds: number, connect: () => void): Traffic {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let connections = 0;
  while (performance.now() < end) {
    for (let one = 0; one < batch; one += 1) connect();
    connections += batch;
  }
  const elapsed = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  return { connections, seconds: elapsed / 1000, cpu: (user + system) / 1e6, own: user / 1e6 };
}

function generate({ route, seconds }: GeneratorRequest): Traffic {
  const { client, server, serverPort, address, port } = route;
  const listener = within(server, () => listenOn(serverPort));
  return within(client, () => {
    setSysctl("ipv4/ip_local_port_range", clientPorts);
    const connector = createConnector(listener, address, port);
    connector.probe();
    connectFor(warmUpSeconds, connector.connect);
    return connectFor(seconds, connector.connect);
  });
}

process.stdout.write(JSON.stringify(generate(JSON.parse(process.argv[2] ?? "") as GeneratorRequest)));
