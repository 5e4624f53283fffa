/** A node whose packet filter drops what it forwards, with containers on bridges and a machine outside. */
import { expect } from "vitest";
import {
  builtPlugin,
  createNode,
  createOutside,
  type Node,
  type Outside,
  ping,
} from "../../../test/helpers/index.ts";
import { Host, type Keys, type Pod } from "../../../test/plugins/attachment/host.ts";
import {
  environmentOf,
  installVariants,
  suffix,
  type Variant,
  variants,
} from "../../../test/shared/filter/iptables-variants.ts";

export { variants } from "../../../test/shared/filter/iptables-variants.ts";

/** A way to configure the plugin, and the iptables in which the policy is. */
export interface Way {
  readonly how: string;
  readonly backend: "" | "nftables" | "iptables";
  readonly variant: Variant;
}

export const ways: readonly Way[] = [
  ...variants.map((variant): Way => ({ how: `nftables, the policy in ${variant}`, backend: "", variant })),
  ...variants.map((variant): Way => ({ how: `iptables, ${variant}`, backend: "iptables", variant })),
];

export const tools = ["ip", "ping", "nft", ...variants.flatMap((each) => [`iptables-${suffix(each)}`])];

export const bridgeOf = (name: string, number: number, keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name,
  type: "bridge",
  bridge: `br-${name}`,
  isGateway: true,
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: `10.${number}.0.0/24` }], [{ subnet: `fd00:${number}::/64` }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
  ...keys,
});

export class World implements AsyncDisposable {
  readonly node: Node;
  readonly outside: Outside;
  readonly way: Way;
  readonly bridge: Host;
  readonly firewall: Host;

  private constructor(node: Node, outside: Outside, way: Way) {
    this.node = node;
    this.outside = outside;
    this.way = way;
    this.bridge = new Host(node, builtPlugin("bridge"));
    this.firewall = new Host(node, builtPlugin("firewall"));
  }

  static async create(way: Way): Promise<World> {
    const node = await createNode();
    const outside = await createOutside(node);
    await installVariants(node);
    for (const number of [1, 2]) {
      await outside.exec("ip", ["route", "add", `10.${number}.0.0/24`, "via", outside.nodeAddress4]);
      await outside.exec("ip", ["route", "add", `fd00:${number}::/64`, "via", outside.nodeAddress6]);
    }
    return new World(node, outside, way);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.outside.dispose();
    await this.node.dispose();
  }

  /** Runs iptables and ip6tables of the way's variant. */
  async iptables(...words: string[]): Promise<void> {
    for (const tool of ["iptables", "ip6tables"])
      await this.node.exec(`${tool}-${suffix(this.way.variant)}`, ["-w", ...words]);
  }

  /** The rules of the table filter of a family, as iptables-save lists them. */
  async rules(family: 4 | 6 = 4): Promise<string[]> {
    const tool = family === 4 ? "iptables" : "ip6tables";
    const { stdout } = await this.node.exec(`${tool}-${suffix(this.way.variant)}-save`, ["-t", "filter"]);
    const lines = stdout.split("\n").filter((line) => /^[-:]/.test(line));
    return lines.map((line) => line.replace(/\[\d+:\d+\]/, "[0:0]"));
  }

  /** All that podwire has in the packet filter. */
  async ours(): Promise<string[]> {
    const list = async (command: string, ...words: string[]) =>
      (await this.node.exec(command, words, { reject: false })).stdout
        .replace(/packets \d+ bytes \d+/g, "packets 0 bytes 0")
        .split("\n");
    const own = [...(await this.rules()), ...(await this.rules(6))].filter((line) =>
      line.includes("PODWIRE"),
    );
    const table = await list("nft", "list", "table", "inet", "podwire");
    return [
      ...own,
      ...table.filter((line) => /(forward|ingress|bridges|drop|comment "podwire network)/.test(line)),
    ];
  }

  config = (network: Keys, keys: Keys = {}): Keys => ({
    cniVersion: "1.1.0",
    name: network["name"],
    type: "firewall",
    ...(this.way.backend === "" ? {} : { backend: this.way.backend }),
    ...keys,
  });

  get env() {
    return environmentOf(this.way.variant);
  }

  /** Attaches a container to a bridge. Returns what the next plugin is given. */
  async attach(name: string, network: Keys): Promise<{ pod: Pod; prevResult: Keys }> {
    const pod = await this.bridge.pod(name);
    return { pod, prevResult: await this.bridge.add(pod, network) };
  }

  async add(pod: Pod, config: Keys): Promise<void> {
    const result = await this.firewall.add(pod, config, { env: this.env });
    const { ips = [], ...rest } = config["prevResult"] as { readonly ips?: readonly unknown[] };
    expect(result).toEqual({ ...rest, ...(ips.length === 0 ? {} : { ips }) });
  }

  check(pod: Pod, config: Keys): Promise<void> {
    return this.firewall.check(pod, config, config["prevResult"], { env: this.env });
  }

  del(pod: Pod, config: Keys): Promise<void> {
    return this.firewall.del(pod, config, { env: this.env });
  }

  /** Whether the machine outside answers the container, over IPv4 and over IPv6: "46", "4", "6" or "". */
  async reach(netns: string, seconds = 3): Promise<string> {
    const { address4, address6 } = this.outside;
    return this.reached(netns, [address4, address6], seconds);
  }

  async reached(netns: string, [four, six]: readonly [string, string], seconds = 3): Promise<string> {
    const answers = await Promise.all([four, six].map((each) => ping(this.node, each, { netns, seconds })));
    return `${answers[0] ? "4" : ""}${answers[1] ? "6" : ""}`;
  }

  /** Whether a container answers the machine outside. */
  async reachedFromOutside(four: string, six: string, seconds = 3): Promise<string> {
    const answers = await Promise.all([four, six].map((each) => ping(this.outside, each, { seconds })));
    return `${answers[0] ? "4" : ""}${answers[1] ? "6" : ""}`;
  }
}
