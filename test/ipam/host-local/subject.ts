import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { builtPlugin, type Node, type PluginRun, referencePlugin } from "../../helpers/index.ts";
import { type PluginCall, pluginOptions, pluginRun } from "../../helpers/plugin.ts";

export const ours = builtPlugin("host-local");
export const reference = referencePlugin("host-local");

/** The default data folder: on a test's node it is empty at first, and gone with the node. */
export const DATA_DIR = "/var/lib/cni/networks";

export const v4 = { subnet: "10.1.0.0/24" };
export const v6 = { subnet: "fd00:1::/64" };

/** A network configuration. */
export function networkOf(ipam: object, rest: object = {}): object {
  return {
    cniVersion: "1.1.0",
    name: "net",
    type: "bridge",
    ipam: { type: "host-local", ...ipam },
    ...rest,
  };
}

/** What a call may differ in. */
export type Variation = Partial<Omit<PluginCall, "command" | "containerId">>;

/** host-local on a node, with one configuration. Debian's version of the reference knows no 1.1.0. */
export class HostLocal {
  readonly node: Node;
  readonly config: object;
  readonly executable: string;

  constructor(node: Node, config: object = networkOf({ ranges: [[v4]] }), executable = ours) {
    this.node = node;
    this.executable = executable;
    const isTooNew = executable === reference && "cniVersion" in config && config.cniVersion === "1.1.0";
    this.config = isTooNew ? { ...config, cniVersion: "1.0.0" } : config;
  }

  with(config: object): HostLocal {
    return new HostLocal(this.node, { ...this.config, ...config }, this.executable);
  }

  by(executable: string): HostLocal {
    return new HostLocal(this.node, this.config, executable);
  }

  #call(command: PluginCall["command"], containerId: string, variation: Variation): PluginCall {
    const attachment = { containerId, ifname: "eth0", netns: "/run/netns/absent" };
    return { command, ...attachment, config: this.config, ...variation };
  }

  run(command: PluginCall["command"], containerId: string, variation: Variation = {}): Promise<PluginRun> {
    return this.node.plugin(this.executable, this.#call(command, containerId, variation));
  }

  /** Runs it under strace(1). Undefined variables of the call stay as in `run`. */
  async trace(
    options: readonly string[],
    command: PluginCall["command"],
    containerId: string,
    variation: Variation = {},
  ): Promise<PluginRun> {
    const call = pluginOptions(this.executable, this.#call(command, containerId, variation));
    return pluginRun(await this.node.exec("strace", ["-qq", ...options, this.executable], call));
  }

  /** ADD that must succeed; returns the addresses, without prefix lengths. */
  async add(containerId: string, variation: Variation = {}): Promise<string[]> {
    const result = await this.run("ADD", containerId, variation);
    expect(result, result.stdout).toMatchObject({ exitCode: 0 });
    return result.json.ips.map(({ address }: { address: string }) => address.replace(/\/.*/, ""));
  }

  /** A call that must succeed in silence. */
  async succeed(command: PluginCall["command"], containerId = "", variation: Variation = {}): Promise<void> {
    const result = await this.run(command, containerId, variation);
    expect(result).toMatchObject({ exitCode: 0, stdout: "" });
  }

  /** A call that must fail as the specification wants it; returns the error. */
  async fail(
    command: PluginCall["command"],
    containerId = "",
    variation: Variation = {},
  ): Promise<{ code: number; msg: string; details: string }> {
    const { exitCode, json, stdout, stderr } = await this.run(command, containerId, variation);
    expect(exitCode, stdout + stderr).toBe(1);
    expect(json).toMatchObject({ code: expect.any(Number), msg: expect.any(String) });
    return json;
  }

  gc(...valid: readonly (readonly [string, string])[]): Promise<PluginRun> {
    const attachments = valid.map(([containerID, ifname]) => ({ containerID, ifname }));
    return this.with({ "cni.dev/valid-attachments": attachments }).run("GC", "");
  }
}

/** The files of a folder on a node, with their content; of several levels, by path. */
export function filesOf(node: Node, folder: string): Record<string, string> {
  const root = node.path(folder);
  if (!existsSync(root)) return {};
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), readFileSync(path, "utf8")]),
  );
}

/** The reservations of a network: owner by address. */
export function reservations(node: Node, network = "net", dataDir = DATA_DIR): Record<string, string> {
  const files = Object.entries(filesOf(node, `${dataDir}/${network}`));
  const isBookkeeping = (name: string) => name === "lock" || name.startsWith("last_reserved_ip.");
  return Object.fromEntries(files.filter(([name]) => !isBookkeeping(name)));
}

/** The owners of whom the index has a record. */
export function indexed(node: Node, network = "net", dataDir = DATA_DIR): string[] {
  return Object.keys(filesOf(node, `${dataDir}/.podwire/${network}`)).filter((name) => name.includes(":"));
}
