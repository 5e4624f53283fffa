import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import {
  call,
  callSource,
  environmentOf,
  installVariants,
  natRules,
  owner,
  runIptables,
  setMembers,
  tracedPrograms,
  type Variant,
} from "./world.ts";

const tools = [
  "iptables-nft",
  "iptables-legacy",
  "ip6tables-nft",
  "ip6tables-legacy",
  "ipset",
  "strace",
  "flock",
];
const variants = ["nf_tables", "legacy"] as const;

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

const request = (variant: Variant, containerId: string, addresses: string[], more: object = {}) => ({
  owner: owner(containerId),
  addresses,
  exceptions: [],
  backend: "iptables",
  environment: environmentOf(variant),
  ...more,
});
const ensure = (variant: Variant, containerId: string, addresses: string[], more: object = {}) =>
  call(node, "masquerade", "ensureMasquerade", request(variant, containerId, addresses, more));

describe.runIf(canRun(...tools)).each(variants)("processes (%s)", (variant) => {
  const programs = (name: string, value: object) =>
    tracedPrograms(node, callSource("masquerade", name, value));
  const removal = (containerId: string) => ({
    owner: owner(containerId),
    hasSiblings: false,
    environment: environmentOf(variant),
  });
  const restores = ["iptables-restore", "ip6tables-restore"].map((tool) => `/run/tools-${variant}/${tool}`);

  test("are run once a family for the first attachment of a network, and then not at all", async () => {
    const run = (containerId: string, ...addresses: string[]) =>
      programs("ensureMasquerade", request(variant, containerId, addresses));
    expect(await run("c1", "10.1.0.2/24", "fd00::2/64")).toEqual(restores);
    expect(await run("c1", "10.1.0.2/24", "fd00::2/64")).toEqual([]);
    expect(await run("c2", "10.1.0.3/24", "fd00::3/64")).toEqual([]);
    expect(await run("c3", "10.2.0.2/24", "fd00::4/64")).toEqual(restores.slice(0, 1));
    expect(await programs("checkMasquerade", request(variant, "c2", ["10.1.0.3/24", "fd00::3/64"]))).toEqual(
      [],
    );
    expect(await programs("removeMasquerade", removal("c2"))).toEqual([]);
    expect(await programs("collectMasquerade", { network: "net", keep: [] })).toEqual([]);
    expect(await setMembers(node, "podwire-masq4")).toEqual([]);
  });
});

describe.runIf(canRun(...tools)).each(variants)("a hundred first attachments at once (%s)", (variant) => {
  test("make one chain, one jump and one rule a network", async () => {
    const subnet = (index: number) => `10.${index % 4}.0.0/24`;
    const runs = Array.from({ length: 100 }, (_, index) => {
      const addresses = [`10.${index % 4}.0.${index + 2}/24`, `fd00:${index % 2}::${index + 2}/64`];
      return ensure(variant, `c${index}`, addresses);
    });
    expect(await Promise.all(runs)).toEqual(runs.map(() => null));
    const rules = await natRules(node, variant);
    expect(rules.filter((rule) => rule.startsWith(":"))).toHaveLength(1);
    expect(rules.filter((rule) => rule.startsWith("-A POSTROUTING"))).toHaveLength(1);
    const inside = rules.flatMap((rule) => /-s (\S+) -d \1 /.exec(rule)?.[1] ?? []);
    expect(inside.sort()).toEqual([0, 1, 2, 3].map(subnet));
    expect(rules).toHaveLength(8);
    expect(rules.at(-1)).toContain("MASQUERADE");
    expect(await natRules(node, variant, 6)).toHaveLength(6);
    expect(await setMembers(node, "podwire-masq4")).toHaveLength(100);
    expect(await setMembers(node, "podwire-masq6")).toHaveLength(100);
  });
});

describe.runIf(canRun(...tools))("a node without iptables", () => {
  const hideTools = () => node.exec("mount", ["-t", "tmpfs", "tmpfs", "/usr/sbin"]);
  const showTools = () => node.exec("umount", ["/usr/sbin"]);
  const prepare = () => call(node, "masquerade", "prepareMasquerade", "iptables", { PATH: "/nowhere" });

  test("is refused before anything is changed, with what to install", async () => {
    await hideTools();
    const refusal = {
      code: 50,
      message: expect.stringContaining("iptables-restore is not installed"),
      details: expect.stringContaining('install the package "iptables"'),
    };
    expect(await prepare()).toMatchObject(refusal);
    const environment = { PATH: "/nowhere" };
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"], { environment })).toMatchObject(refusal);
    await showTools();
    expect((await node.exec("ipset", ["list", "-n"])).stdout).toBe("");
    expect(await natRules(node, "nf_tables")).toEqual([]);
  });

  test("is good enough while the rules are in place", async () => {
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"])).toBeNull();
    await hideTools();
    expect(await prepare()).toBeNull();
    expect(await ensure("nf_tables", "c2", ["10.1.0.3/24"], { environment: {} })).toBeNull();
    await showTools();
    expect(await setMembers(node, "podwire-masq4")).toHaveLength(2);
  });

  test("is not taken for one because PATH is not set", async () => {
    expect(await call(node, "masquerade", "prepareMasquerade", "iptables", {})).toBeNull();
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"], { environment: {} })).toBeNull();
    expect(await setMembers(node, "podwire-masq4")).toHaveLength(1);
  });
});

describe.runIf(canRun(...tools))("what iptables refuses", () => {
  const hideMatch = async () => {
    const { stdout } = await node.exec("sh", ["-c", "find /usr/lib* -name libxt_set.so | head -n 1"]);
    await node.exec("mount", ["--bind", "/dev/null", stdout]);
  };

  test("the match for IP sets: a chain per attachment instead, and no set stays", async () => {
    await hideMatch();
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"])).toBeNull();
    const rules = await natRules(node, "nf_tables");
    expect(rules.filter((rule) => rule.startsWith("-A POSTROUTING"))).toEqual([
      expect.stringMatching(
        /-s 10\.1\.0\.2\/32 .*"podwire network=net container=c1 interface=eth0" -j PODWIRE-[0-9a-f]{20}$/,
      ),
    ]);
    expect((await node.exec("ipset", ["list", "-n"])).stdout).toBe("");
  });

  test("the match for IP sets, where a set is filled already: it stays as it is", async () => {
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"])).toBeNull();
    for (const option of ["-F", "-X"]) await runIptables(node, "nf_tables", option);
    await hideMatch();
    expect(await ensure("nf_tables", "c2", ["10.1.0.3/24"])).toBeNull();
    expect(await setMembers(node, "podwire-masq4")).toHaveLength(1);
  });

  test("everything, because another program holds its lock: code 11, and nothing is changed", async () => {
    const holder = node.start("flock", ["-F", "/run/xtables.lock", "sh", "-c", "echo held; exec sleep 60"]);
    await holder.firstLine();
    expect(await ensure("legacy", "c1", ["10.1.0.2/24"])).toMatchObject({
      code: 11,
      message: expect.stringContaining("did not get its lock"),
      details: expect.stringContaining("/run/xtables.lock"),
    });
    await holder.stop();
    expect(await natRules(node, "legacy")).toEqual([]);
    expect((await node.exec("ipset", ["list", "-n"])).stdout).toBe("");
    expect(await ensure("legacy", "c1", ["10.1.0.2/24"])).toBeNull();
  });

  test("a set of the same name and another kind: an error that says what to do", async () => {
    await node.exec("ipset", ["create", "podwire-masq4", "hash:net"]);
    expect(await ensure("nf_tables", "c1", ["10.1.0.2/24"])).toMatchObject({
      message: "the IP set podwire-masq4 exists, but is not what podwire makes",
      details: expect.stringContaining("ipset destroy podwire-masq4"),
    });
    expect(await natRules(node, "nf_tables")).toEqual([]);
  });
});

describe.runIf(canRun(...tools))("a node that changed its iptables", () => {
  test("is masqueraded by the rules it has, in whichever packet filter they are", async () => {
    expect(await ensure("legacy", "c1", ["10.1.0.2/24"])).toBeNull();
    expect(await ensure("nf_tables", "c2", ["10.1.0.3/24"])).toBeNull();
    expect(await natRules(node, "nf_tables")).toEqual([]);
    await runIptables(node, "legacy", "-F");
    expect(await ensure("nf_tables", "c3", ["10.1.0.4/24"])).toBeNull();
    expect(await natRules(node, "nf_tables")).toHaveLength(5);
    expect(await setMembers(node, "podwire-masq4")).toHaveLength(3);
  });
});
