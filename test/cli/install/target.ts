/** A folder on a throw-away node that is installed into, and what is in it. */
import { expect } from "vitest";
import { findPluginFolders } from "../../../scripts/plugins.ts";
import { builtPlugin, type CommandResult, createNode, type Node, referenceBin } from "../../helpers/index.ts";

export const folder = "/run/bin";

/** The executables that are in the reference plugins' package too: they play the old set. */
export const old = ["bridge", "host-local", "loopback", "portmap", "ptp"];
export const all = [...findPluginFolders().map(({ name }) => name), "podwire"].sort();

export const installer = builtPlugin("podwire");

export class Target implements AsyncDisposable {
  readonly node: Node;

  private constructor(node: Node) {
    this.node = node;
  }

  /** A node with an empty folder for the executables. */
  static async create(): Promise<Target> {
    const node = await createNode();
    await node.exec("mkdir", [folder]);
    return new Target(node);
  }

  /** Installs, into the folder by default; a failure is returned. */
  install(...args: string[]): Promise<CommandResult> {
    const where = args.includes("--bin-dir") ? [] : ["--bin-dir", folder];
    return this.node.exec(installer, ["install", ...where, ...args], { reject: false });
  }

  /** Puts the reference plugins into the folder, and nothing else. */
  async layOld(): Promise<void> {
    await this.node.exec("sh", ["-c", `rm -rf ${folder}; mkdir ${folder}`]);
    await this.node.exec("cp", ["-a", ...old.map((name) => `${referenceBin}/${name}`), folder]);
  }

  /** All names of the folder, passing ones too. */
  async names(): Promise<string[]> {
    return (await this.node.exec("ls", ["-A", folder])).stdout.split("\n").filter((name) => name !== "");
  }

  /** Whether the names have the bytes of a file, by cmp(1). */
  async isSame(name: string, other: string): Promise<boolean> {
    return (
      (await this.node.exec("cmp", ["-s", `${folder}/${name}`, other], { reject: false })).exitCode === 0
    );
  }

  /** What stat(1) says of each name: by default all that a change of the file or of its name changes. */
  async status(format = "%n %i %a %s %y"): Promise<string> {
    return (
      await this.node.exec("sh", ["-c", `cd ${folder} && stat -c '${format}' * .??* 2>/dev/null || true`])
    ).stdout;
  }

  /** All names are there, as hard links of the one executable, and nothing else is. */
  async expectInstalled(names: readonly string[] = all): Promise<void> {
    expect(await this.names()).toEqual([...names].sort());
    const [first = "", ...others] = [...new Set((await this.status("%i %a %h")).split("\n"))];
    expect(others).toEqual([]);
    expect(first).toMatch(new RegExp(` 755 ${names.length}$`));
    expect(await this.isSame(names[0] ?? "", installer)).toBe(true);
  }

  /** Attaches and detaches a container with what is in the folder, whichever set that is. */
  async expectService(): Promise<void> {
    const netns = await this.node.addNetns("c1");
    const config = {
      cniVersion: "1.0.0",
      name: "installed",
      type: "bridge",
      bridge: "cni0",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] },
    };
    const call = { containerId: "c1", netns, ifname: "eth0", config };
    const added = await this.node.plugin(`${folder}/bridge`, { command: "ADD", ...call });
    expect(added, added.stdout).toMatchObject({ exitCode: 0, json: { ips: [{}] } });
    const removed = await this.node.plugin(`${folder}/bridge`, { command: "DEL", ...call });
    expect(removed, removed.stdout).toMatchObject({ exitCode: 0 });
    await this.node.deleteNetns("c1");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.dispose();
  }
}
