import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Node } from "./node.ts";
import { distBin } from "./paths.ts";
import type { CniCommand, PluginRun } from "./plugin.ts";
import { type Attachment, type Network, pluginConfig, type Result } from "./plugin-config.ts";

/** Reads a .conflist file. */
export function readNetwork(file: string): Network {
  return JSON.parse(readFileSync(file, "utf8")) as Network;
}

/**
 * What a container runtime does with a network on a node: calls its plugins one after the other, as the CNI
 * specification says. Throws when a plugin fails.
 */
export class Runtime {
  readonly #node: Node;
  readonly #network: Network;
  readonly #folder: string;

  /** `folder` holds the plugin executables: our own ones by default. */
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
