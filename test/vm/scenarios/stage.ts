/** A plugin on a node in the virtual machine, with one container: for the scenarios of plugins' folders. */
import { builtPlugin, type CniCommand, referencePlugin } from "../../helpers/index.ts";
import type { VmNode } from "../node.ts";
import { assertDone } from "./pods.ts";
import type { Scenario } from "./scenario.ts";

export type Keys = Readonly<Record<string, unknown>>;

export interface Link {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** A node with the container `pod`, whose namespace has that name, and the plugin that the configuration names. */
export class Stage {
  readonly node: VmNode;
  readonly config: Keys;
  readonly pod: string;
  readonly #id: string;
  readonly #executable: (plugin: string) => string;

  constructor(node: VmNode, config: Keys, pod = "a", id = `id-${pod}`, executable = builtPlugin) {
    this.node = node;
    this.config = config;
    this.pod = pod;
    this.#id = id;
    this.#executable = executable;
  }

  /** The same with Debian's plugins. */
  reference(): Stage {
    return new Stage(this.node, this.config, this.pod, this.#id, referencePlugin);
  }

  /** The same for another container. */
  other(pod: string, id?: string): Stage {
    return new Stage(this.node, this.config, pod, id);
  }

  call(command: CniCommand, keys: Keys = {}, netns = `/run/netns/${this.pod}`, ifname = "eth0") {
    const attachment = { containerId: this.#id, netns, ifname };
    const given = command === "GC" || command === "STATUS" ? {} : attachment;
    const config = { ...this.config, ...keys };
    return this.node.plugin(this.#executable(String(config["type"])), { command, ...given, config });
  }

  async done(command: CniCommand, keys: Keys = {}, netns?: string, ifname?: string) {
    const run = await this.call(command, keys, netns, ifname);
    assertDone(run, command);
    return run.json;
  }

  ip(...words: string[]) {
    return this.node.exec("ip", words, { netns: this.pod });
  }

  /** Whether an address answers the container. */
  async reaches(address: string): Promise<boolean> {
    const ping = ["-n", "-c", "3", "-i", "0.2", "-W", "2", address];
    return (await this.node.exec("ping", ping, { netns: this.pod, reject: false })).exitCode === 0;
  }

  links(): Promise<Link[]> {
    return this.node.execJson<Link[]>("ip", ["-j", "-d", "address"], { netns: this.pod });
  }

  async names(): Promise<string[]> {
    return (await this.links()).map(({ ifname }) => ifname);
  }

  async eth0(): Promise<Link | undefined> {
    return (await this.links()).find(({ ifname }) => ifname === "eth0");
  }

  async routes(...words: string[]): Promise<string[]> {
    const { stdout } = await this.ip(...words, "route", "show", "table", "all", "dev", "eth0");
    return stdout.split("\n").map((line) => line.trim());
  }

  async reservations(): Promise<string[]> {
    const { stdout } = await this.node.exec("sh", ["-c", "ls /var/lib/cni/networks/net 2>/dev/null || true"]);
    return stdout.split("\n").filter((name) => /^[\da-f.:]+$/.test(name) && /[.:]/.test(name));
  }
}

/** Makes scenarios of a plugin: each begins with a new container "a". */
export const scenariosOn =
  (config: Keys, prepare: (stage: Stage) => Promise<void> = async () => {}) =>
  (name: string, run: (stage: Stage) => Promise<void>): Scenario => ({
    name: `${config["type"]}: ${name}`,
    run: async (node) => {
      const stage = new Stage(node, config);
      await node.addNetns(stage.pod);
      await prepare(stage);
      await run(stage);
    },
  });

export const addressesOf = (link: Link | undefined) =>
  (link?.addr_info ?? [])
    .filter(({ local }) => !local.startsWith("fe80:"))
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .sort();
