import { existsSync } from "node:fs";
import { join } from "node:path";
import { type PluginCall, type PluginRun, projectRoot } from "../helpers/index.ts";
import { pluginOptions, pluginRun } from "../helpers/plugin.ts";
import type { Machine, ScriptResult } from "./machine.ts";

export interface VmCommandOptions {
  /** Run in this named network namespace of the node. */
  readonly netns?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** false: return a failure in place of throwing it. */
  readonly reject?: boolean;
}

/**
 * A throw-away host inside the virtual machine, as `createNode` of the helpers makes them on this one: a network
 * namespace, with /run, /var/lib and /sys of its own.
 */
export interface VmNode {
  exec(command: string, args?: readonly string[], options?: VmCommandOptions): Promise<ScriptResult>;
  execJson<T>(command: string, args?: readonly string[], options?: VmCommandOptions): Promise<T>;
  addNetns(name: string): Promise<string>;
  deleteNetns(name: string): Promise<void>;
  plugin(executable: string, call: PluginCall): Promise<PluginRun>;
}

// The last line says which process holds the namespaces. It never ends: the whole machine is thrown away.
const boot = (isMachine: boolean) => `
boot='
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /run/netns /run/lock /var/lib/cni
${isMachine ? "" : "mount -t sysfs sysfs /sys"}
ip link set lo up
echo ready >&4
exec 4>&-
exec sleep 1000000'
ready=/run/node.$$
mkfifo $ready
unshare ${isMachine ? "" : "--net"} --mount --propagation private sh -c "$boot" 4>$ready >&2 &
read -r word <$ready
echo $!
[ "$word" = ready ]
`;

/** `isMachine`: the node has the network namespace of the machine, and no one of its own. */
export async function createVmNode(machine: Machine, isMachine = false): Promise<VmNode> {
  const { stdout: pid, stderr, exitCode } = await machine.run(boot(isMachine));
  if (exitCode !== 0) throw new Error(`the node did not start: ${stderr}`);
  const exec: VmNode["exec"] = async (command, args = [], options = {}) => {
    const result = await machine.run(enter(pid, [command, ...args], options), options.input);
    if (result.exitCode === 0 || options.reject === false) return result;
    throw new Error(`${[command, ...args].join(" ")}: ${result.stdout} ${result.stderr}`);
  };
  return {
    exec,
    execJson: async (command, args, options) => JSON.parse((await exec(command, args, options)).stdout),
    addNetns: async (name) => {
      await exec("ip", ["netns", "add", name]);
      return `/run/netns/${name}`;
    },
    deleteNetns: async (name) => void (await exec("ip", ["netns", "delete", name])),
    plugin: async (file, call) => {
      const { env = {}, input = "" } = pluginOptions(file, call);
      return pluginRun({ signal: undefined, ...(await exec(file, [], { env, input, reject: false })) });
    },
  };
}

/** The script that runs a command in the namespaces of the node. */
function enter(pid: string, command: readonly string[], { netns, env = {} }: VmCommandOptions): string {
  const net = netns === undefined ? `/proc/${pid}/ns/net` : `/proc/${pid}/root/run/netns/${netns}`;
  const [program = "", ...args] = command;
  const words = [`--mount=/proc/${pid}/ns/mnt`, `--net=${net}`, "--", absolute(program), ...args];
  const variables = Object.entries(env).map(([key, value]) => `export ${key}=${quote(value)}\n`);
  return `cd ${quote(projectRoot)}\n${variables.join("")}exec nsenter ${words.map(quote).join(" ")}\n`;
}

/** With its path, as busybox would run its own `ip` and `ping` instead. The same files are there and here. */
function absolute(program: string): string {
  if (program.includes("/")) return program;
  const found = programFolders.map((folder) => join(folder, program)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${program} is not installed`);
  return found;
}

const programFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
