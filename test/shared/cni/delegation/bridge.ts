/** bridge as the plugin that delegates: its IPAM is whatever a test puts on CNI_PATH. */
import {
  builtPlugin,
  type CniCommand,
  type Node,
  type PluginCall,
  type PluginRun,
} from "../../../helpers/index.ts";
import { delegatePath } from "../delegates.ts";
import { run } from "../subjects.ts";

/** A bridge network with the IPAM plugin `type`. */
export const network = (type: string, more: object = {}): Record<string, unknown> => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "br0",
  ipam: { type },
  ...more,
});

/** Calls bridge for container c; `prevResult` and the list for GC are in the configuration if the verb needs them. */
export const callBridge = (
  node: Node,
  command: CniCommand,
  type: string,
  call: Partial<PluginCall> = {},
): Promise<PluginRun> => {
  const valid = { "cni.dev/valid-attachments": [] };
  const config = network(type, command === "GC" ? valid : {});
  return run(node, "bridge", { command, config, ...call });
};

/** The same, and the paths of all programs that were executed for it, its own among them. */
export const traceBridge = async (
  node: Node,
  command: CniCommand,
  config: object,
  path = delegatePath,
): Promise<{ exitCode: number | undefined; stdout: string; programs: string[] }> => {
  const env = {
    PATH: process.env["PATH"] ?? "",
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c",
    CNI_NETNS: "/run/netns/c",
    CNI_IFNAME: "eth0",
    CNI_PATH: path,
  };
  const args = [
    "-f",
    "-qq",
    "-e",
    "trace=execve",
    "-e",
    "signal=none",
    "-o",
    "/run/trace",
    builtPlugin("bridge"),
  ];
  const options = { env, input: JSON.stringify(config), reject: false };
  const { exitCode, stdout } = await node.exec("strace", args, options);
  const trace = await node.exec("cat", ["/run/trace"]);
  const programs = [...trace.stdout.matchAll(/execve\("([^"]*)".*= 0$/gm)].map((match) => match[1] ?? "");
  return { exitCode, stdout, programs };
};
