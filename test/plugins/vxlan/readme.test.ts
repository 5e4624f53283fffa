/** The three machines of the README, with the configurations as they stand there; then a fourth. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canRun, type Network, ping, projectRoot, Runtime } from "../../helpers/index.ts";
import { createUnderlay, type Member } from "../../helpers/underlay.ts";
import { programs } from "./world.ts";

interface Peer {
  readonly name: string;
  readonly vtep: string;
  readonly subnets: readonly string[];
}

interface OwnKeys {
  readonly l3: { readonly network: string; readonly subnets: readonly string[] };
  readonly peers: readonly Peer[];
}

/** The blocks of the section: a whole configuration, and the two keys that the second machine has instead. */
function readSection(): { network: Network; second: OwnKeys } {
  const text = readFileSync(join(projectRoot, "plugins/vxlan/README.md"), "utf8");
  const section = text.split("## Three machines by hand")[1]?.split("\n## ")[0] ?? "";
  const [whole = "", keys = ""] = Array.from(section.matchAll(/```json\n([^`]*)```/g), ([, json]) => json);
  return { network: JSON.parse(whole), second: JSON.parse(`{${keys}}`) };
}

const withKeys = (network: Network, { l3, peers }: OwnKeys): Network => ({
  ...network,
  plugins: network.plugins.map((plugin) => ({ ...plugin, l3, discovery: { type: "static", peers } })),
});

async function attach(node: Member, network: Network, name: string) {
  const netns = await node.addNetns(name);
  const result = await new Runtime(node, network).add({ containerId: name, netns, ifname: "eth0" });
  return { node, name, address: result.ips?.[0]?.address.replace(/\/.*/, "") ?? "" };
}

test.runIf(canRun(...programs))(
  "three machines are joined by hand as the README says, and a fourth",
  async () => {
    const { network, second } = readSection();
    const [plugin] = network.plugins as unknown as [
      { l3: OwnKeys["l3"]; discovery: { peers: readonly Peer[] } },
    ];
    await using underlay = await createUnderlay(4);
    const [one, two, three, four] = underlay.members as [Member, Member, Member, Member];
    // "On the third accordingly": what the first two say of it, and of each other.
    const all: Peer[] = [
      ...second.peers,
      ...plugin.discovery.peers.filter(({ name }) => name === "node2"),
    ].sort((a, b) => a.vtep.localeCompare(b.vtep));
    expect(all.map(({ vtep }) => vtep)).toEqual([one, two, three].map(({ address4 }) => address4));
    const keysOf = (own: number, nodes: readonly Peer[]): OwnKeys => ({
      l3: { network: plugin.l3.network, subnets: nodes[own]?.subnets ?? [] },
      peers: nodes.filter((_, index) => index !== own),
    });
    expect(keysOf(0, all)).toEqual({ l3: plugin.l3, peers: plugin.discovery.peers });
    expect(keysOf(1, all)).toEqual(second);
    const configs = [network, withKeys(network, second), withKeys(network, keysOf(2, all))];
    const pods = [];
    for (const [index, config] of configs.entries())
      pods.push(await attach(underlay.members[index] as Member, config, "pod"));
    for (const from of pods)
      for (const to of pods)
        if (from !== to) expect(await ping(from.node, to.address, { netns: from.name })).toBe(true);
    const more = [...all, { name: "node4", vtep: four.address4, subnets: ["10.244.4.0/24"] }];
    for (const [index, node] of underlay.members.entries())
      pods.push(await attach(node, withKeys(network, keysOf(index, more)), "later"));
    const fourth = pods.find(({ node }) => node === four);
    for (const from of pods.filter(({ node }) => node !== four))
      expect(await ping(from.node, fourth?.address ?? "", { netns: from.name })).toBe(true);
  },
);
