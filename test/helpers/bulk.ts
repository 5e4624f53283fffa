import { join } from "node:path";
import type { RunningCommand } from "./command.ts";
import type { Node } from "./node.ts";
import { projectRoot } from "./paths.ts";

const program = join(projectRoot, "test/helpers/bulk.mjs");

const inside = (netns: string | undefined) => (netns === undefined ? {} : { netns });

/** A TCP and UDP server on all addresses that answers with how many bytes came, and their digest. */
export async function startDigest(node: Node, port: number, netns?: string): Promise<RunningCommand> {
  const server = node.start(process.execPath, [program, "listen", String(port)], inside(netns));
  await server.firstLine();
  return server;
}

export interface Transfer {
  /** Number of bytes and SHA-256, of what was sent. */
  readonly sent: string;
  /** The same of what the other end says that it got; undefined when no answer came in time. */
  readonly received: string | undefined;
}

/** Sends that many random bytes to a server of `startDigest`, as a stream or in one datagram. */
export async function transfer(
  node: Node,
  kind: "stream" | "datagram",
  host: string,
  options: {
    readonly port: number;
    readonly bytes: number;
    readonly netns?: string;
    readonly seconds?: number;
  },
): Promise<Transfer> {
  const { port, bytes, netns, seconds = 20 } = options;
  const args = [program, kind, host, ...[port, bytes, seconds * 1000].map(String)];
  const run = await node.exec(process.execPath, args, { reject: false, ...inside(netns) });
  const [sent = "", received] = run.stdout.trim().split("\n");
  return { sent, received: run.exitCode === 0 ? received : undefined };
}
