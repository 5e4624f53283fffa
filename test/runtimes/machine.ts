import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type CommandOptions,
  createNode,
  createOutside,
  type Network,
  type Node,
  type Outside,
  projectRoot,
  type RunningCommand,
  readNetwork,
} from "../helpers/index.ts";
import { type Cgroup, createCgroup } from "./cgroup.ts";
import { urlOf } from "./image.ts";

/**
 * A node on which container runtimes run as on a machine of their own: /etc and /opt are the machine's, and what
 * is written there, or to /run, /var/lib, /var/tmp and /dev/shm, is visible on this node only, and gone with it.
 * Containers end with it too, and with the process that made it. There is an outside; our executables are in
 * /opt/cni/bin, and no network is configured.
 */
export interface Machine extends AsyncDisposable {
  readonly node: Node;
  readonly outside: Outside;
  /** Starts a runtime: a command that makes containers has to be started by this, or run by `run`. */
  start(command: string, args: readonly string[], options?: CommandOptions): RunningCommand;
  run: Node["exec"];
  /** Writes a file; its folder is made. */
  write(path: string, text: string): void;
  /** Puts a network into /etc/cni/net.d. */
  configure(network: Network): void;
  /** Network state, the plugins' files and the named namespaces, for a comparison of before and after. */
  state(): Promise<Readonly<Record<string, readonly string[]>>>;
}

const isolate = `
for folder in etc opt; do
  over=/run/overlays/$folder
  mkdir -p $over/upper $over/work
  mount -t overlay overlay -o lowerdir=/$folder,upperdir=$over/upper,workdir=$over/work /$folder
done
mount -t tmpfs tmpfs /var/tmp
mount -t tmpfs tmpfs /dev/shm
rm -rf /etc/cni/net.d
mkdir -p /etc/cni/net.d
`;

function machine(node: Node, cgroup: Cgroup, outside: Outside): Omit<Machine, keyof AsyncDisposable> {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(node.path(path)), { recursive: true });
    writeFileSync(node.path(path), text);
  };
  return {
    node,
    outside,
    start: (command, args, options) => node.start(...cgroup.enter(command, args), options),
    run: (command, args = [], options = {}) => node.exec(...cgroup.enter(command, args), options),
    write,
    configure: (network) => write(`/etc/cni/net.d/10-${network.name}.conflist`, JSON.stringify(network)),
    state: async () => {
      const { processes: _, ...state } = await node.snapshot(["/var/lib/cni", "/run/podwire"]);
      return { ...state, namespaces: readdirSync(node.path("/run/netns")) };
    },
  };
}

/** As docs/install.md has it. */
const install = "install -d /opt/cni/bin; cp -a dist/bin/. /opt/cni/bin/";

/** A runtime starts a dozen processes for a container, and they take their time on a loaded machine. */
export const patience = { timeout: 180_000 };

/** One of conf-examples. */
export const example = (file: string): Network => readNetwork(join(projectRoot, "conf-examples", file));

export async function createMachine(): Promise<Machine> {
  const parts: { dispose(): Promise<void> }[] = [];
  const keep = <Part extends { dispose(): Promise<void> }>(part: Part): Part => {
    parts.unshift(part);
    return part;
  };
  const dispose = async () => {
    for (const part of parts) await part.dispose();
  };
  try {
    const node = keep(await createNode());
    const cgroup = keep(await createCgroup(node));
    const outside = keep(await createOutside(node));
    await node.exec("sh", ["-ec", isolate]);
    await node.exec("sh", ["-ec", install], { cwd: projectRoot });
    return { ...machine(node, cgroup, outside), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What a server of `serve` answers to a machine that asks it, or the error. */
export async function fetchFrom(node: Node, address: string, port: number): Promise<string> {
  const args = ["wget", "-q", "-O", "-", urlOf(address, port)];
  const { stdout, stderr } = await node.exec("busybox", args, { reject: false });
  return stdout || stderr;
}
