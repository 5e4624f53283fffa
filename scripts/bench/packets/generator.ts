/**
 * Runs on a node, in the engine: makes TCP connections one after the other and prints their number. One thread has
 * both ends, each in its namespace: no other process has to wake up, and nearly all of the time is the kernel's.
 */
import { monotonicMilliseconds } from "../../../shared/system/clock.ts";
import { writeStandardOutput } from "../../../shared/system/stdio.ts";
import { setSysctl } from "../../../shared/system/sysctl.ts";
import { within } from "../namespace.ts";
import { createConnector, listenOn } from "../sockets.ts";
import { ownUsage } from "../usage.ts";
import type { GeneratorRequest, Traffic } from "./protocol.ts";

/** Long enough for neighbour discovery. */
const warmUpSeconds = 0.5;

/** Connections between two readings of the clock. */
const batch = 20;

/**
 * The kernel keeps translated connections for a while, in a table of the whole machine. A reused port replaces its old
 * entry. So a few thousand ports keep the table small and its size constant.
 */
const clientPorts = "32768 36863";

function connectFor(seconds: number, connect: () => void): Traffic {
  const before = ownUsage();
  const begin = monotonicMilliseconds();
  const end = begin + seconds * 1000;
  let connections = 0;
  while (monotonicMilliseconds() < end) {
    for (let one = 0; one < batch; one += 1) connect();
    connections += batch;
  }
  const elapsed = monotonicMilliseconds() - begin;
  const after = ownUsage();
  const user = after.user - before.user;
  const cpu = user + after.system - before.system;
  return { connections, seconds: elapsed / 1000, cpu: cpu / 1000, own: user / 1000 };
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

export function main([request = ""]: readonly string[]): number {
  writeStandardOutput(JSON.stringify(generate(JSON.parse(request) as GeneratorRequest)));
  return 0;
}
