import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { builtPlugin, type CommandResult, distBin, type Node } from "../helpers/index.ts";

export const podwire = builtPlugin("podwire");

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type Environment = Readonly<Record<string, string>>;

/** Runs the command where it needs no node, with nothing but this environment. */
export async function run(args: readonly string[], env: Environment = {}): Promise<CommandResult> {
  const options = { env: { PATH: path, ...env }, extendEnv: false, reject: false, input: "" } as const;
  const { exitCode, signal, stdout, stderr } = await execa(podwire, args, options);
  return { exitCode, signal, stdout, stderr };
}

/** Runs the command on a node. */
export const runOn = (node: Node, args: readonly string[], env: Environment = {}): Promise<CommandResult> =>
  node.exec(podwire, args, { env: { PATH: path, CNI_PATH: distBin, ...env }, reject: false });

/** A folder with these files, objects as JSON; it is gone with the block that asked for it. */
export function files(contents: Readonly<Record<string, object | string>>): Disposable & { path: string } {
  const folder = mkdtempSync(join(tmpdir(), "podwire-cli-"));
  for (const [name, content] of Object.entries(contents)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A network of one bridge with host-local, and what else is given. */
export const network = (keys: object = {}, plugins: readonly object[] = []): object => ({
  cniVersion: "1.1.0",
  name: "net",
  plugins: [bridge, ...plugins],
  ...keys,
});

export const bridge = {
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] },
};

/** cnitool's container ID. */
export const idOf = (netns: string) =>
  `cnitool-${createHash("sha512").update(netns).digest("hex").slice(0, 20)}`;
/** The file in which libcni remembers the attachment. */
export const cacheOf = (node: Node, netns: string, name = "net") =>
  node.path(`/var/lib/cni/results/${name}-${idOf(netns)}-eth0`);
export const cached = (node: Node, netns: string) => JSON.parse(readFileSync(cacheOf(node, netns), "utf8"));

/** The names of the interfaces in a container. */
export async function linksIn(node: Node, netns: string): Promise<string[]> {
  const links = await node.execJson<{ ifname: string }[]>("ip", ["-j", "link"], { netns });
  return links.map(({ ifname }) => ifname);
}
