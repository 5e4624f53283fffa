/** An IPAM plugin that waits in ADD until a test lets it go on: for calls that meet another call in the middle of its work. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { builtPlugin, distBin, type PluginRun, type RunningCommand } from "../../helpers/index.ts";
import { pluginRun } from "../../helpers/plugin.ts";
import type { Host, Keys, Pod } from "./host.ts";
import { hostState } from "./kernel-state.ts";

/** Where the plugin `gated` is. */
export const gateFolder = "/run/gated";
/** CNI_PATH with it and the built plugins. */
export const gatedPath = `${gateFolder}:${distBin}`;
const gates = "/run/gates";

const script = `#!/bin/sh
gate=${gates}/$CNI_CONTAINERID
if [ "$CNI_COMMAND" = ADD ] && [ -p "$gate" ]; then
  : > "$gate.reached"
  read -r word < "$gate"
  [ "$word" = open ] || { echo '{"cniVersion":"1.1.0","code":111,"msg":"the gate stays shut"}'; exit 1; }
fi
exec ${builtPlugin("host-local")}
`;

/** Puts the plugin `gated` on the host. It is host-local for each container that has no gate. */
export async function installGate(
  { node }: Pick<Host, "node">,
  ...pods: readonly Pick<Pod, "containerId">[]
): Promise<void> {
  for (const folder of [gateFolder, gates]) mkdirSync(node.path(folder), { recursive: true });
  writeFileSync(node.path(`${gateFolder}/gated`), script, { mode: 0o755 });
  for (const { containerId } of pods) await node.exec("mkfifo", [`${gates}/${containerId}`]);
}

/** All the state of the host without the gates. */
export async function stateWithoutGates({ node }: Host) {
  const state = await hostState(node);
  return { ...state, files: state.files.filter((line) => !line.startsWith("/run/gate")) };
}

/** An ADD that has come to its IPAM plugin, and waits there. */
export interface GatedAdd {
  readonly process: RunningCommand;
  readonly ended: Promise<PluginRun>;
  /** Lets the IPAM plugin go on, or fail. */
  open(word?: "open" | "fail"): Promise<void>;
}

export async function startGatedAdd(host: Host, pod: Pod, config: Keys): Promise<GatedAdd> {
  const { node, executable } = host;
  const gate = `${gates}/${pod.containerId}`;
  const process = node.startPlugin(executable, host.request("ADD", pod, config, { path: gatedPath }));
  await expect.poll(() => existsSync(node.path(`${gate}.reached`)), { interval: 10 }).toBe(true);
  return {
    process,
    ended: process.ended.then(pluginRun),
    open: async (word = "open") => void (await node.exec("sh", ["-c", `echo ${word} > ${gate}`])),
  };
}
