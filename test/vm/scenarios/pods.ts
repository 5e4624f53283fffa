import assert from "node:assert/strict";
import { builtPlugin, type CniCommand, type PluginRun } from "../../helpers/index.ts";
import type { VmNode } from "../node.ts";

/** A network configuration of the bridge plugin, as far as these tests need to know it. */
export interface Network {
  readonly cniVersion: string;
  readonly name: string;
  readonly bridge: string;
  readonly [key: string]: unknown;
}

/** A namespace attached to a network. */
export interface Pod {
  readonly netns: string;
  readonly path: string;
  readonly network: Network;
  readonly result: Result;
  /** The host's end of the pair: the port of the bridge. */
  readonly port: string;
  /** The first IPv4 address, without its length; empty without address management. */
  readonly address: string;
}

export interface Result {
  readonly interfaces: readonly { readonly name: string; readonly sandbox?: string; readonly mac?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

/** A range of 10.1.0.0/24 per network: pods of different networks share a subnet, so only VLANs part them. */
const hostLocal = (part: number) => ({
  type: "host-local",
  ranges: [[{ subnet: "10.1.0.0/24", rangeStart: `10.1.0.${part}0`, rangeEnd: `10.1.0.${part}9` }]],
});

/** A network on bridge `br0`; `part` (1 to 9) keeps its addresses apart from those of the others. */
export const network = (name: string, part: number, settings: object): Network => ({
  cniVersion: "1.1.0",
  name,
  type: "bridge",
  bridge: "br0",
  ipam: hostLocal(part),
  ...settings,
});

/** Calls the plugin for a namespace of the node, whatever comes of it. */
export const call = (
  node: VmNode,
  command: CniCommand,
  netns: string,
  config: Network,
  result?: Result,
): Promise<PluginRun> =>
  node.plugin(builtPlugin("bridge"), {
    command,
    containerId: `id-${netns}`,
    netns: `/run/netns/${netns}`,
    ifname: "eth0",
    config: result === undefined ? config : { ...config, prevResult: result },
  });

/** Makes a namespace and attaches it. */
export const addPod = async (node: VmNode, netns: string, config: Network): Promise<Pod> => {
  const path = await node.addNetns(netns);
  const run = await call(node, "ADD", netns, config);
  assertDone(run, `ADD ${netns}`);
  const result = run.json as Result;
  const port = result.interfaces[1]?.name ?? "";
  const address = result.ips?.[0]?.address.split("/")[0] ?? "";
  return { netns, path, network: config, result, port, address };
};

export const checkPod = (node: VmNode, pod: Pod): Promise<PluginRun> =>
  call(node, "CHECK", pod.netns, pod.network, pod.result);

export const delPod = async (node: VmNode, pod: Pod): Promise<void> =>
  assertDone(await call(node, "DEL", pod.netns, pod.network, pod.result), `DEL ${pod.netns}`);

/** Expects success, and shows the plugin's own words otherwise. */
export const assertDone = (run: PluginRun, what: string): void =>
  assert.equal(run.exitCode, 0, `${what}: ${run.stdout} ${run.stderr}`);

/** Expects a CNI error that matches, and returns its code. */
export const assertRefused = (run: PluginRun, message: RegExp): number => {
  assert.equal(run.exitCode, 1, `expected an error: ${run.stdout} ${run.stderr}`);
  assert.match(`${run.json?.msg} ${run.json?.details ?? ""}`, message);
  return run.json.code as number;
};
