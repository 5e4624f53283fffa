import { join } from "node:path";
import type { RunningCommand } from "./command.ts";
import type { Node } from "./node.ts";
import { projectRoot } from "./paths.ts";

const program = join(projectRoot, "test/helpers/traffic.mjs");

/** For bash, which starts in a tenth of the time that Node.js takes. */
const connect = 'exec 3<>"/dev/tcp/$0/$1" && exec cat <&3';

const inside = (netns: string | undefined) => (netns === undefined ? {} : { netns });

/**
 * True when `address` (v4 or v6) answers a ping from the node, or from one of its named namespaces. Tries for
 * `seconds` (5 by default): until neighbours are found, a first packet may be lost on a sound network.
 */
export async function ping(
  node: Node,
  address: string,
  options: { readonly netns?: string; readonly seconds?: number; readonly source?: string } = {},
): Promise<boolean> {
  const source = options.source === undefined ? [] : ["-I", options.source];
  // -c with -w ends at the first answer or at the deadline, whichever comes first.
  const args = ["-n", "-i", "0.2", "-c", "1", "-w", String(options.seconds ?? 5), ...source, address];
  const { exitCode } = await node.exec("ping", args, { reject: false, ...inside(options.netns) });
  return exitCode === 0;
}

/** A TCP server on all addresses that answers each client with the address it sees the client come from. */
export async function startEcho(node: Node, port: number, netns?: string): Promise<RunningCommand> {
  const server = node.start(process.execPath, [program, "listen", String(port)], inside(netns));
  await server.firstLine();
  return server;
}

/**
 * Connects to a server of `startEcho` and returns the source address that the server saw, or undefined when
 * no connection came about in `milliseconds` (3000 by default).
 */
export async function seenAddress(
  node: Node,
  host: string,
  port: number,
  options: { readonly netns?: string; readonly milliseconds?: number } = {},
): Promise<string | undefined> {
  const limit = String((options.milliseconds ?? 3000) / 1000);
  const run = await node.exec("timeout", [limit, "bash", "-c", connect, host, String(port)], {
    reject: false,
    ...inside(options.netns),
  });
  return run.exitCode === 0 ? run.stdout.trim() : undefined;
}

/** The same as startEcho, for UDP. */
export async function startUdpEcho(node: Node, port: number, netns?: string): Promise<RunningCommand> {
  const server = node.start(process.execPath, [program, "listen-udp", String(port)], inside(netns));
  await server.firstLine();
  return server;
}

/** The same as seenAddress, for UDP. All datagrams come from the local port `from`: the kernel knows them again. */
export async function seenByUdp(
  node: Node,
  host: string,
  port: number,
  options: { readonly from: number; readonly netns?: string; readonly milliseconds?: number },
): Promise<string | undefined> {
  const numbers = [port, options.milliseconds ?? 3000, options.from].map(String);
  const run = await node.exec(process.execPath, [program, "ask-udp", host, ...numbers], {
    reject: false,
    ...inside(options.netns),
  });
  return run.exitCode === 0 ? run.stdout.trim() : undefined;
}
