import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Node } from "./node.ts";
import { distBin } from "./paths.ts";
import type { CniCommand, PluginRun } from "./plugin.ts";

type Json = Readonly<Record<string, unknown>>;

/** A network as a .conflist file describes it. */
export interface Network {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly (Json & { readonly type: string })[];
}

/** One interface of one container, and what its runtime asks for. */
export interface Attachment {
  readonly containerId: string;
  /** The path of the container's network namespace on the node. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** What the runtime offers, by capability: a plugin is given what its configuration says it is able to use. */
  readonly capabilities?: Json;
  /** What the runtime puts under `args.cni` of each plugin's configuration. */
  readonly cniArgs?: Json;
}

/** A CNI result of version 1.0.0 or newer. */
export interface Result {
  readonly cniVersion: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips?: readonly {
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
  }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

/** Reads a .conflist file. */
export function readNetwork(file: string): Network {
  return JSON.parse(readFileSync(file, "utf8")) as Network;
}

function runtimeConfig(plugin: Json, offered: Json): Json {
  const able = (plugin["capabilities"] ?? {}) as Record<string, boolean>;
  return Object.fromEntries(Object.entries(offered).filter(([capability]) => able[capability] === true));
}

/** What a plugin of a network finds on its standard input. `prevResult` is the result as far as it is known. */
export function pluginConfig(
  network: Network,
  index: number,
  attachment: Attachment,
  prevResult?: Result,
): Json {
  const plugin: Json = network.plugins[index] ?? {};
  const runtime = runtimeConfig(plugin, attachment.capabilities ?? {});
  return {
    ...plugin,
    cniVersion: network.cniVersion,
    name: network.name,
    ...(Object.keys(runtime).length === 0 ? {} : { runtimeConfig: runtime }),
    ...(attachment.cniArgs === undefined ? {} : { args: { cni: attachment.cniArgs } }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}

/**
 * What a container runtime does with a network on a node: calls its plugins one after the other, as the CNI
 * specification says. Throws when a plugin fails.
 */
export class Runtime {
  readonly #node: Node;
  readonly #network: Network;
  readonly #folder: string;

  /** `folder` holds the plugin executables: our own ones unless told. */
  constructor(node: Node, network: Network, folder = distBin) {
    this.#node = node;
    this.#network = network;
    this.#folder = folder;
  }

  /** Attaches a container and returns the result of the last plugin. */
  async add(attachment: Attachment): Promise<Result> {
    let result: Result | undefined;
    for (const index of this.#network.plugins.keys()) {
      result = (await this.#call("ADD", index, attachment, result)).json as Result;
    }
    if (result === undefined) throw new Error("the network has no plugins");
    return result;
  }

  /** Has the plugins check an attachment; `result` is what `add` returned. */
  async check(attachment: Attachment, result: Result): Promise<void> {
    for (const index of this.#network.plugins.keys()) await this.#call("CHECK", index, attachment, result);
  }

  /** Detaches a container; `result` is what `add` returned, if it did. */
  async del(attachment: Attachment, result?: Result): Promise<void> {
    for (const index of [...this.#network.plugins.keys()].reverse()) {
      await this.#call("DEL", index, attachment, result);
    }
  }

  async #call(
    command: CniCommand,
    index: number,
    attachment: Attachment,
    previous: Result | undefined,
  ): Promise<PluginRun> {
    const { containerId, netns, ifname, args } = attachment;
    const type = this.#network.plugins[index]?.type ?? "";
    const config = pluginConfig(this.#network, index, attachment, previous);
    const call = { command, containerId, netns, ifname, config, ...(args === undefined ? {} : { args }) };
    const run = await this.#node.plugin(join(this.#folder, type), call);
    if (run.exitCode === 0) return run;
    throw new Error(`${type} ${command} ${containerId}: exit ${run.exitCode}, ${run.stdout} ${run.stderr}`);
  }
}
