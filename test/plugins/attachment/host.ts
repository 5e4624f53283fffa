import { expect } from "vitest";
import {
  builtPlugin,
  type CniCommand,
  createNode,
  distBin,
  type Node,
  type PluginCall,
  type PluginRun,
} from "../../helpers/index.ts";

/** A plugin configuration, or some keys of one. */
export type Keys = Readonly<Record<string, unknown>>;

/** One interface of one container: its namespace (by name and by path) and what the runtime calls it. */
export interface Pod {
  readonly name: string;
  readonly netns: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** An ipam section of host-local with one range a subnet. */
export const hostLocal = (subnets: readonly string[], keys: Keys = {}): Keys => ({
  type: "host-local",
  ranges: subnets.map((subnet) => [{ subnet }]),
  ...keys,
});

export const subnet4 = "10.1.0.0/24";
export const subnet6 = "fd00:1::/64";

/** What a call may be given beside its attachment and its configuration. */
export type Extras = Partial<PluginCall>;

/** A throw-away node on which a plugin is called as a runtime does. */
export class Host implements AsyncDisposable {
  readonly node: Node;
  /** The executable that is called. */
  readonly executable: string;
  readonly #path: string;

  constructor(node: Node, executable: string, path = distBin) {
    this.node = node;
    this.executable = executable;
    this.#path = path;
  }

  /** A new node with the built plugin of that name. */
  static async create(plugin: string): Promise<Host> {
    return new Host(await createNode(), builtPlugin(plugin));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.dispose();
  }

  /** Makes a container's namespace. */
  async pod(name: string, ifname = "eth0"): Promise<Pod> {
    return { name, netns: await this.node.addNetns(name), containerId: `id-${name}`, ifname };
  }

  /** Makes the namespaces of several containers. */
  async pods<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ [Index in keyof Names]: Pod }> {
    const pods: Pod[] = [];
    for (const name of names) pods.push(await this.pod(name));
    return pods as { [Index in keyof Names]: Pod };
  }

  /** The call of a verb for an attachment. */
  request(command: CniCommand, pod: Pod | undefined, config: PluginCall["config"], extras: Extras = {}) {
    const attachment =
      pod === undefined ? {} : { containerId: pod.containerId, netns: pod.netns, ifname: pod.ifname };
    const given = config === undefined ? {} : { config };
    return { command, ...attachment, path: this.#path, ...given, ...extras };
  }

  /** Calls the plugin; a failure is returned. */
  call(command: CniCommand, pod: Pod | undefined, config: PluginCall["config"], extras: Extras = {}) {
    return this.node.plugin(this.executable, this.request(command, pod, config, extras));
  }

  /** ADD that must succeed. Returns the result. */
  // biome-ignore lint/suspicious/noExplicitAny: results of any version, read by expectations
  async add(pod: Pod, config: Keys, extras: Extras = {}): Promise<any> {
    return succeeded(await this.call("ADD", pod, config, extras)).json;
  }

  /** DEL that must succeed, and say nothing. */
  async del(pod: Pod, config: Keys, extras: Extras = {}): Promise<void> {
    expect(succeeded(await this.call("DEL", pod, config, extras)).stdout).toBe("");
  }

  /** CHECK that must succeed, and say nothing. */
  async check(pod: Pod, config: Keys, prevResult: unknown, extras: Extras = {}): Promise<void> {
    expect(succeeded(await this.call("CHECK", pod, { ...config, prevResult }, extras)).stdout).toBe("");
  }

  /** GC that must succeed, and say nothing; `keep` are the attachments the runtime still knows. */
  async gc(config: Keys, keep: readonly Pod[]): Promise<void> {
    const valid = keep.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
    const input = { ...config, "cni.dev/valid-attachments": valid };
    expect(succeeded(await this.call("GC", undefined, input)).stdout).toBe("");
  }

  /** Leaves behind what a network's first attachment makes for all: its bridge, its fixed rules. */
  async warmUp(config: Keys): Promise<void> {
    const pod = await this.pod("warm-up");
    await this.add(pod, config);
    await this.del(pod, config);
    await this.node.deleteNetns(pod.name);
  }
}

/** The run, if it ended well; otherwise the test fails with what the plugin printed. */
export const succeeded = (run: PluginRun): PluginRun => {
  expect(run, `${run.stdout}\n${run.stderr}`).toMatchObject({ exitCode: 0, signal: undefined });
  return run;
};

/** Expects a failure as the specification has it, with that code, whose text has these words. Returns the error. */
export const failed = (run: PluginRun, code: number, words: string | RegExp = ""): PluginRun["json"] => {
  expect(run.json, `exit ${run.exitCode}: ${run.stdout}\n${run.stderr}`).toMatchObject({
    cniVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    code,
    msg: expect.stringMatching(/./),
  });
  expect(`${run.json.msg} ${run.json.details ?? ""}`).toMatch(words);
  expect(run.exitCode).toBe(1);
  return run.json;
};
