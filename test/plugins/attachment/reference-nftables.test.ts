/**
 * Containers that a newer reference attached, with its nftables backends. Debian has an older one: interface and addresses are its own,
 * and the rules are loaded as a newer one makes them.
 */
import { describe, expect, test } from "vitest";
import {
  builtPlugin,
  canRun,
  createNode,
  type Node,
  referenceBin,
  referencePlugin,
} from "../../helpers/index.ts";
import {
  comment,
  type Form,
  forms,
  masqueradeRule,
  masqueradeTable,
  portTable,
} from "../../shared/filter/reference/rules.ts";
import { failed, Host, hostLocal, type Keys, type Pod } from "./host.ts";

const nodeAddress = "192.0.2.1";

interface Attached {
  readonly pod: Pod;
  readonly config: Keys;
  readonly portmap: Keys;
  readonly result: { readonly ips: readonly { readonly address: string }[] };
}

/** Attaches a container without rules, with ports `port` and, of one address of the node, `port` + 1000. */
async function attach(node: Node, type: string, at: number): Promise<Attached> {
  const reference = new Host(node, referencePlugin(type), referenceBin);
  const pod = await reference.pod(`pod${at}`);
  const config: Keys = {
    cniVersion: "1.0.0",
    name: `net${at}`,
    type,
    bridge: `br${at}`,
    isGateway: true,
    ipam: hostLocal([`10.${at}.0.0/24`, `fd00:${at}::/64`]),
  };
  const result = await reference.add(pod, config);
  const port = { containerPort: 80, protocol: "tcp" };
  const portMappings = [
    { ...port, hostPort: 8080 + at },
    { ...port, hostPort: 9080 + at, hostIP: nodeAddress },
  ];
  const portmap = {
    cniVersion: "1.0.0",
    name: `net${at}`,
    type: "portmap",
    backend: "nftables",
    runtimeConfig: { portMappings },
    prevResult: result,
  };
  return { pod, config: { ...config, ipMasq: true, ipMasqBackend: "nftables" }, portmap, result };
}

const ownerOf = ({ pod, config }: Attached) => ({
  network: String(config["name"]),
  containerId: pod.containerId,
  ifname: pod.ifname,
});

/** Loads the rules of all containers, and sets the sysctl for 127.0.0.1. */
async function loadRules(node: Node, form: Form, all: readonly Attached[]): Promise<void> {
  const addresses = (each: Attached) => each.result.ips.map(({ address }) => address.replace(/\/.*/, ""));
  const masquerades = all.flatMap((each, at) =>
    addresses(each).map((address) =>
      masqueradeRule(
        ownerOf(each),
        address,
        address.includes(":") ? `fd00:${at + 1}::/64` : `10.${at + 1}.0.0/24`,
      ),
    ),
  );
  const tables = (["ip", "ip6"] as const).map((family) => {
    const rules = all.map((each, at) => {
      const target = addresses(each).find((address) => address.includes(":") === (family === "ip6")) ?? "";
      const own = (rule: string) => `${rule} comment "${each.pod.containerId}"`;
      const to = family === "ip" ? `${target}:80` : `[${target}]:80`;
      return {
        port: own(`tcp dport ${8081 + at} dnat to ${to}`),
        ofAddress: own(`ip daddr ${nodeAddress} tcp dport ${9081 + at} dnat to ${to}`),
        masquerade: own(`${family} saddr ${target} ${family} daddr ${target} masquerade`),
      };
    });
    const ofAddress = family === "ip" ? rules.map((each) => each.ofAddress) : [];
    const masquerade = rules.map((each) => each.masquerade);
    return portTable(
      family,
      form,
      rules.map(({ port }) => port),
      ofAddress,
      masquerade,
    );
  });
  await node.exec("nft", ["-f", "-"], { input: [masqueradeTable(masquerades), ...tables].join("\n") });
  await node.exec("sh", [
    "-c",
    "for each in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 1 > $each; done",
  ]);
}

const ruleset = async (node: Node) => (await node.exec("nft", ["list", "ruleset"])).stdout;

const plugins = ["bridge", "ptp"] as const;
const needed = ["ip", "nft", ...plugins.map(referencePlugin)];

describe.runIf(canRun(...needed)).each(forms)("what a newer reference attached (%s)", (form) => {
  test("is checked and taken down, and the rest stays", async () => {
    await using node = await createNode();
    const [onBridge, onPtp] = [await attach(node, "bridge", 1), await attach(node, "ptp", 2)];
    await loadRules(node, form, [onBridge, onPtp]);
    const portmap = new Host(node, builtPlugin("portmap"));
    for (const [each, rest] of [
      [onBridge, onPtp],
      [onPtp, undefined],
    ] as const) {
      const main = new Host(node, builtPlugin(String(each.config["type"])));
      await main.check(each.pod, each.config, each.result);
      expect((await portmap.call("CHECK", each.pod, each.portmap)).exitCode).toBe(0);
      await portmap.del(each.pod, each.portmap);
      expect(await ruleset(node)).not.toContain(`"${each.pod.containerId}"`);
      await main.del(each.pod, { ...each.config, prevResult: each.result });
      expect(await ruleset(node)).not.toContain(comment(ownerOf(each)));
      if (rest === undefined) continue;
      expect(await ruleset(node)).toContain(comment(ownerOf(rest)));
      expect(await ruleset(node)).toContain(`"${rest.pod.containerId}"`);
    }
    expect(await ruleset(node)).not.toMatch(/ masquerade| dnat /);
  });

  test("is taken down on one network, and stays on the container's other one", async () => {
    await using node = await createNode();
    const [one, two] = [await attach(node, "bridge", 1), await attach(node, "ptp", 2)];
    const onOther = { ...two, pod: { ...two.pod, containerId: one.pod.containerId, ifname: "eth0" } };
    await loadRules(node, form, [one, onOther]);
    const portmap = new Host(node, builtPlugin("portmap"));
    await portmap.del(one.pod, one.portmap);
    expect(await ruleset(node)).not.toMatch(/(to|daddr) \[?(10\.1\.0\.|fd00:1:)/);
    expect((await portmap.call("CHECK", onOther.pod, onOther.portmap)).exitCode).toBe(0);
    await portmap.del(onOther.pod, { ...onOther.portmap, prevResult: undefined });
    expect(await ruleset(node)).not.toMatch(/ dnat /);
  });

  test("goes without its namespace and its result, too", async () => {
    await using node = await createNode();
    const all = [await attach(node, "bridge", 1), await attach(node, "ptp", 2)];
    await loadRules(node, form, all);
    for (const { pod, config, portmap } of all) {
      const gone = { ...pod, netns: "" };
      await node.deleteNetns(pod.name);
      const { prevResult: _, runtimeConfig: __, ...bare } = portmap as Record<string, unknown>;
      await new Host(node, builtPlugin("portmap")).del(gone, bare);
      await new Host(node, builtPlugin(String(config["type"]))).del(gone, config);
    }
    expect(await ruleset(node)).not.toMatch(/ masquerade| dnat /);
  });

  test.each([
    [
      "the way to masquerade",
      "flush chain inet cni_plugins_masquerade postrouting",
      "main",
      /a rule of the reference plugin is missing: for masquerade/,
    ],
    ["the table of masquerade", "delete table inet cni_plugins_masquerade", "main", /./],
    ["the ports of a family", "flush chain ip cni_hostport hostports", "portmap", /tcp port/],
    [
      "the way to the ports",
      "flush chain ip cni_hostport output",
      "portmap",
      /the way from output to hostports/,
    ],
  ] as const)("is missed by CHECK: %s", async (_, command, who, message) => {
    await using node = await createNode();
    const each = await attach(node, "bridge", 1);
    await loadRules(node, form, [each]);
    await node.exec("nft", [command]);
    const run =
      who === "main"
        ? await new Host(node, builtPlugin("bridge")).call("CHECK", each.pod, {
            ...each.config,
            prevResult: each.result,
          })
        : await new Host(node, builtPlugin("portmap")).call("CHECK", each.pod, each.portmap);
    failed(run, 999, message);
  });
});
