import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, createOutside, type Node, seenAddress, startEcho } from "../../helpers/index.ts";
import {
  call,
  createPods,
  environmentOf,
  installVariants,
  natRules,
  owner,
  requestOf,
  runIptables,
  setMembers,
  type Variant,
  variants,
  ways,
} from "./world.ts";

const tools = ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "ipset", "ip", "nft"];

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

const ensure = (variant: Variant, containerId: string, addresses: string[], more: object = {}) =>
  call(node, "masquerade", "ensureMasquerade", {
    owner: owner(containerId),
    addresses,
    exceptions: [],
    backend: "iptables",
    environment: environmentOf(variant),
    ...more,
  });

const check = (variant: Variant, containerId: string, addresses: string[]) =>
  call(node, "masquerade", "checkMasquerade", {
    owner: owner(containerId),
    addresses,
    exceptions: [],
    backend: "iptables",
    environment: environmentOf(variant),
  });

const remove = (variant: Variant, containerId: string) =>
  call(node, "masquerade", "removeMasquerade", {
    owner: owner(containerId),
    hasSiblings: false,
    environment: environmentOf(variant),
  });

describe.runIf(canRun(...tools)).each(ways)("masqueraded traffic ($how)", (way) => {
  const ensureBy = (containerId: string, ...addresses: string[]) =>
    call(node, "masquerade", "ensureMasquerade", requestOf(way, owner(containerId), addresses));
  const checkBy = (containerId: string, ...addresses: string[]) =>
    call(node, "masquerade", "checkMasquerade", requestOf(way, owner(containerId), addresses));

  test("leaves with the node's address, but inside the own network with its own", async () => {
    await using outside = await createOutside(node);
    await createPods(node, {
      a: ["10.1.0.2", "fd00:1::2"],
      near: ["10.1.0.3", "fd00:1::3"],
      far: ["10.2.0.2", "fd00:2::2"],
    });
    await startEcho(outside, 7000);
    for (const pod of ["near", "far"]) await startEcho(node, 7000, pod);
    const seen = (host: string, milliseconds = 3000) =>
      seenAddress(node, host, 7000, { netns: "a", milliseconds });

    // The outside has no way back to a pod's own address.
    expect(await seen(outside.address4, 300)).toBeUndefined();
    expect(await ensureBy("c1", "10.1.0.2/24", "fd00:1::2/64")).toBeNull();
    expect(await checkBy("c1", "10.1.0.2/24", "fd00:1::2/64")).toBeNull();

    expect(await seen(outside.address4)).toBe(outside.nodeAddress4);
    expect(await seen(outside.address6)).toBe(outside.nodeAddress6);
    expect(await seen("10.1.0.3")).toBe("10.1.0.2");
    expect(await seen("fd00:1::3")).toBe("fd00:1::2");
    expect(await seen("10.2.0.2")).toBe("169.254.1.1");
    expect(await seen("fd00:2::2")).not.toBe("fd00:1::2");
    // Whoever did not ask for it keeps the own address.
    expect(await seenAddress(node, "10.1.0.2", 7000, { netns: "near", milliseconds: 300 })).toBeUndefined();

    expect(await remove(way.variant, "c1")).toBeNull();
    expect(await seen(outside.address4, 300)).toBeUndefined();
    expect(await seen("10.2.0.2")).toBe("10.1.0.2");
  });

  test("of one attachment can be two addresses of a family, each with its own network", async () => {
    await using outside = await createOutside(node);
    await createPods(node, { a: ["10.1.0.2"], b: ["10.2.0.2"], c: ["10.2.0.3"] });
    await startEcho(outside, 7000);
    await startEcho(node, 7000, "c");
    expect(await ensureBy("c1", "10.1.0.2/24", "10.2.0.2/24")).toBeNull();
    for (const netns of ["a", "b"]) {
      expect(await seenAddress(node, outside.address4, 7000, { netns })).toBe(outside.nodeAddress4);
    }
    expect(await seenAddress(node, "10.2.0.3", 7000, { netns: "b" })).toBe("10.2.0.2");
    expect(await seenAddress(node, "10.2.0.3", 7000, { netns: "a" })).toBe("169.254.1.1");
  });
});

const fixedRules = (...subnets: string[]) => [
  ":PODWIRE-MASQ - [0:0]",
  '-A POSTROUTING -m set --match-set podwire-masq4 src -m comment --comment "podwire: the masqueraded addresses" -j PODWIRE-MASQ',
  '-A PODWIRE-MASQ -d 224.0.0.0/4 -m comment --comment "podwire: multicast keeps its source address" -j RETURN',
  ...subnets.map(
    (subnet) =>
      `-A PODWIRE-MASQ -s ${subnet} -d ${subnet} -m comment --comment "podwire: inside ${subnet} nothing changes" -j RETURN`,
  ),
  '-A PODWIRE-MASQ -m comment --comment "podwire: all else leaves with the address of this node" -j MASQUERADE --random-fully',
];

describe.runIf(canRun(...tools)).each(variants)("the rules (%s)", (variant) => {
  test("are as many for three addresses of a network as for one, beside those of others", async () => {
    const foreign = "-A POSTROUTING -s 192.0.2.0/24 -j ACCEPT";
    await runIptables(node, variant, ...foreign.split(" "));
    expect(await ensure(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    const [chain = "", ...rest] = fixedRules("10.1.0.0/24");
    const expected = [chain, foreign, ...rest];
    expect(await natRules(node, variant)).toEqual(expected);
    expect(await ensure(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    expect(await ensure(variant, "c2", ["10.1.0.3/24"])).toBeNull();
    expect(await ensure(variant, "c3", ["10.1.0.4/24", "10.3.0.9/32"])).toBeNull();
    expect(await natRules(node, variant)).toEqual(expected);
    expect(await natRules(node, variant, 6)).toEqual([]);
    expect(await setMembers(node, "podwire-masq4")).toEqual([
      '10.1.0.2 comment "podwire network=net container=c1 interface=eth0 in 10.1.0.0/24"',
      '10.1.0.3 comment "podwire network=net container=c2 interface=eth0 in 10.1.0.0/24"',
      '10.1.0.4 comment "podwire network=net container=c3 interface=eth0 in 10.1.0.0/24"',
      '10.3.0.9 comment "podwire network=net container=c3 interface=eth0 in 10.3.0.9/32"',
    ]);
    expect(await ensure(variant, "c4", ["10.2.0.2/24"])).toBeNull();
    expect((await natRules(node, variant)).slice(2)).toEqual(
      fixedRules("10.1.0.0/24", "10.2.0.0/24").slice(1),
    );
  });

  test("have one jump again with the next attachment, when there were two", async () => {
    expect(await ensure(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    const before = await natRules(node, variant);
    const input = `*nat\n${before[1]}\nCOMMIT\n`;
    await node.exec(variant === "legacy" ? "iptables-legacy-restore" : "iptables-nft-restore", ["-n"], {
      input,
    });
    expect(await natRules(node, variant)).toHaveLength(before.length + 1);
    expect(await ensure(variant, "c2", ["10.1.0.3/24"])).toBeNull();
    expect(await natRules(node, variant)).toEqual(before);
  });

  test.each([
    ["all rules", ["-F"]],
    ["all rules and chains", ["-F", "-X"]],
    ["the jump", ["-D POSTROUTING 1"]],
    ["the rule for multicast", ["-D PODWIRE-MASQ 1"]],
    ["the rule of a network", ["-D PODWIRE-MASQ 2"]],
    ["the last rule", ["-D PODWIRE-MASQ 4"]],
    ["the rules of our chain", ["-F PODWIRE-MASQ"]],
  ])("are found missing by a check, and come back with the next attachment: %s", async (_what, commands) => {
    expect(await ensure(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    expect(await ensure(variant, "c2", ["10.2.0.2/24"])).toBeNull();
    expect(await check(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    for (const command of commands) await runIptables(node, variant, ...command.split(" "));
    expect(await check(variant, "c1", ["10.1.0.2/24"])).toMatchObject({
      message: expect.stringMatching(
        /eth0 of container c1 is not masqueraded: the iptables rule ".*" is missing/,
      ),
    });
    expect(await ensure(variant, "c3", ["10.1.0.9/24"])).toBeNull();
    const rules = await natRules(node, variant);
    expect([...rules].sort()).toEqual(fixedRules("10.1.0.0/24", "10.2.0.0/24").sort());
    expect(rules.at(-1)).toContain("MASQUERADE");
    expect(await check(variant, "c1", ["10.1.0.2/24"])).toBeNull();
    expect(await check(variant, "c2", ["10.2.0.2/24"])).toBeNull();
  });
});
