import { once } from "node:events";
import { join } from "node:path";
import { execa } from "execa";
import {
  type CommandOptions,
  type CommandResult,
  type RunningCommand,
  runCommand,
  startCommand,
} from "./command.ts";
import { type PluginCall, type PluginRun, pluginOptions, pluginRun } from "./plugin.ts";
import { killProcesses } from "./processes.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";
import { tier } from "./sweep.ts";
import { machineSysctls, settleSysctls } from "./sysctls.ts";

/**
 * A throw-away host: its own network namespace and its own mount namespace, where /run and /var/lib are
 * empty, /sys shows its own interfaces, `lo` is up, and sysctls are as the kernel has them. All that is made on it, named network namespaces
 * included, is gone with it, and it is gone with the process that made it.
 */
export interface Node extends AsyncDisposable {
  /** A process that lives in the node's namespaces: /proc/PID/ns/net, /proc/PID/root. */
  readonly pid: number;
  /** Runs a command on the node and waits for its end. Throws on failure unless `reject` is false. */
  exec(command: string, args?: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** `exec` of a command that prints JSON, such as `ip -j`. */
  execJson<T>(command: string, args?: readonly string[], options?: CommandOptions): Promise<T>;
  /** Starts a command on the node that runs until it is stopped or the node is disposed of. */
  start(command: string, args?: readonly string[], options?: CommandOptions): RunningCommand;
  /** Makes a named network namespace, untouched (`lo` is down) but for the sysctls. Returns its path on the node. */
  addNetns(name: string): Promise<string>;
  /** The same for many of them. */
  addNetnses(names: readonly string[]): Promise<string[]>;
  /**
   * Removes a named network namespace, and waits until the node's ends of its interfaces are gone, for 10 s at most. The kernel
   * removes them after `ip netns delete` has ended; `waits: false` for a test of what is called in the meantime.
   */
  deleteNetns(name: string, options?: { readonly waits?: boolean }): Promise<void>;
  /** Calls a CNI plugin executable on the node as a container runtime does. A failure is returned. */
  plugin(executable: string, call: PluginCall): Promise<PluginRun>;
  /** The same, without waiting: to stop or kill the plugin while it works. */
  startPlugin(executable: string, call: PluginCall): RunningCommand;
  /**
   * All the state of the node that a plugin could change, in a form made for comparison. Files are those below
   * `folders`: /run and /var/lib by default.
   */
  snapshot(folders?: readonly string[]): Promise<Snapshot>;
  /** Where a file of the node (of its own /run or /var/lib too) is found from outside, for node:fs. */
  path(pathOnNode: string): string;
  /** Kills all that runs on the node, and with it the node. May be repeated. */
  dispose(): Promise<void>;
}

// A test runner that is killed leaves its worker processes behind, which would keep their nodes alive.
process.once("disconnect", () => process.exit(1));

// The node lives while its standard input is open: a test process that dies, in whatever way, closes it.
const bootScript = (machine: readonly string[]) => `
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /run/netns /run/lock /var/lib/cni
mount -t sysfs sysfs /sys
${settleSysctls(machine)}
ip link set lo up
echo ready
exec cat
`;

const addScript = (machine: readonly string[]) => `
for name in "$@"; do
  ip netns add "$name"
  nsenter --net="/run/netns/$name" sh -ec '${settleSysctls(machine)}'
done`;

const deleteScript = `
ends=$(ip -o link | awk -v name="$1" '{
  gsub(/\\\\/, " ")
  for (at = 1; at < NF; at++) if ($at == "link-netns" && $(at + 1) == name) { split($2, parts, /[@:]/); print parts[1] }
}')
ip netns delete "$1"
[ "$2" = waits ] || exit 0
left=1000
for end in $ends; do
  while [ -e "/sys/class/net/$end" ]; do
    left=$((left - 1))
    [ $left -gt 0 ] || { echo "$end is still there" >&2; exit 1; }
    sleep 0.01
  done
done`;

async function bootNode(machine: readonly string[]) {
  const args = ["--net", "--mount", "--propagation", "private", "sh", "-c", bootScript(machine)];
  const anchor = execa("unshare", args, { stdin: "pipe", buffer: { stdout: false }, reject: false });
  const early = anchor.then(({ stderr }): never => {
    throw new Error(`the node did not start: ${stderr}`);
  });
  await Promise.race([once(anchor.stdout, "data"), early]);
  return { pid: anchor.pid ?? 0, ended: early.catch(() => {}) };
}

/**
 * Makes a node. Needs root; dispose of it when done (`await using`, or `dispose` in an afterEach). `machine`: sysctls that it,
 * and its named network namespaces, are to meet first, as if the machine had them.
 */
export async function createNode(machine: readonly string[] = machineSysctls): Promise<Node> {
  if (tier === "pure") throw new Error("a pure test makes no node: see test/README.md");
  const { pid, ended } = await bootNode(machine);
  const place = { pid };
  const exec: Node["exec"] = (command, args = [], options = {}) => runCommand(place, command, args, options);
  const start: Node["start"] = (command, args = [], options = {}) =>
    startCommand(place, command, args, options);
  const addNetnses: Node["addNetnses"] = async (names) => {
    await exec("sh", ["-ec", addScript(machine), "sh", ...names]);
    return names.map((name) => `/run/netns/${name}`);
  };
  const dispose = async (): Promise<void> => {
    killProcesses(pid);
    await ended;
  };
  return {
    pid,
    exec,
    execJson: async (command, args, options) => JSON.parse((await exec(command, args, options)).stdout),
    start,
    addNetns: async (name) => (await addNetnses([name]))[0] ?? "",
    addNetnses,
    deleteNetns: async (name, { waits = true } = {}) =>
      void (await exec("sh", ["-ec", deleteScript, "sh", name, waits ? "waits" : ""])),
    plugin: async (file, call) => pluginRun(await exec(file, [], pluginOptions(file, call))),
    startPlugin: (file, call) => start(file, [], pluginOptions(file, call)),
    snapshot: (folders) => takeSnapshot(place, folders),
    path: (pathOnNode) => join(`/proc/${pid}/root`, pathOnNode),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
