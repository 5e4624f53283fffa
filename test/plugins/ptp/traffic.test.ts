import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import {
  createWorld,
  fixed,
  Host,
  hostLocal,
  type Keys,
  network,
  type Pod,
  programs,
  staticIpam,
  subnet4,
  subnet6,
  withStatic,
} from "./host.ts";

/** The addresses of an attached container, without prefix length. */
const attach = async (host: Host, pod: Pod, config: Keys): Promise<string[]> => {
  const result = await host.add(pod, config, withStatic);
  await host.check(pod, config, result, withStatic);
  return result.ips.map(({ address }: { address: string }) => address.split("/")[0]);
};

const both = (config: Keys): [Keys, Keys] => [config, config];

/** Configurations for two containers. */
const kinds: [string, [Keys, Keys]][] = [
  ["IPv4", both(network({ ipam: hostLocal([subnet4], { routes: [{ dst: "0.0.0.0/0" }] }) }))],
  ["IPv6", both(network({ ipam: hostLocal([subnet6], { routes: [{ dst: "::/0" }] }) }))],
  ["both families", both(network())],
  [
    "several ranges, and no routes",
    both(network({ ipam: hostLocal([subnet4, "10.1.1.0/24", subnet6, "fd00:1:0:1::/64"]) })),
  ],
  [
    "networks of two addresses",
    [fixed("10.1.0.0/31", "fd00:1::6/127"), fixed("10.1.0.7/31", "fd00:1::9/127")],
  ],
  [
    "single addresses, and no gateway",
    [fixed("10.1.0.2/32", "fd00:1::2/128"), fixed("10.9.0.2/32", "fd00:9::2/128")],
  ],
  [
    "single addresses, and a gateway elsewhere",
    [
      fixed("10.1.0.2/32 via 192.0.2.1", "fd00:1::2/128 via 2001:db8::1"),
      fixed("10.9.0.2/32 via 192.0.2.1", "fd00:9::2/128 via 2001:db8::1"),
    ],
  ],
  [
    "networks without a gateway, the first address taken",
    [fixed("10.1.0.1/24", "fd00:1::1/64"), fixed("10.1.0.2/24", "fd00:1::2/64")],
  ],
  ["two addresses in a network", [fixed("10.1.0.1/24", "10.1.0.9/24"), fixed("10.1.0.2/24")]],
];

describe.runIf(canRun(staticIpam, ...programs))("containers and their node reach each other", () => {
  test.each(kinds)("with %s", async (_kind, [first, second]) => {
    await using host = await Host.create();
    const before = await hostState(host.node);
    const [a, b] = await host.pods("a", "b");
    const ofA = await attach(host, a, first);
    const ofB = await attach(host, b, second);
    for (const address of ofB) expect(await ping(host.node, address, { netns: "a" }), address).toBe(true);
    for (const address of ofA) expect(await ping(host.node, address, { netns: "b" }), address).toBe(true);
    for (const address of [...ofA, ...ofB]) expect(await ping(host.node, address), address).toBe(true);
    await host.del(a, first, withStatic);
    await host.del(b, second, withStatic);
    const after = await hostState(host.node);
    for (const kind of ["links", "addresses", "routes", "rules", "neighbours"] as const) {
      expect(after[kind]).toEqual(before[kind]);
    }
  });

  test("with their own addresses, also through the gateway's", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const ofA = await attach(host, a, network({ ipMasq: true }));
    const ofB = await attach(host, b, network({ ipMasq: true }));
    await startEcho(host.node, 80, "b");
    await startEcho(host.node, 80);
    for (const [family, gateway] of ["10.1.0.1", "fd00:1::1"].entries()) {
      const options = { netns: "a" };
      expect(await seenAddress(host.node, ofB[family] ?? "", 80, options)).toBe(ofA[family]);
      expect(await seenAddress(host.node, gateway, 80, options)).toBe(ofA[family]);
      // The node comes as the gateway.
      expect(await seenAddress(host.node, ofB[family] ?? "", 80)).toBe(gateway);
    }
  });

  test("with the first packet", async () => {
    await using host = await Host.create();
    for (const pod of await host.pods("a", "b", "c", "d")) {
      for (const address of await attach(host, pod, network())) {
        const args = ["-n", "-c", "1", "-W", "2", address];
        expect((await host.node.exec("ping", args)).stdout).toContain("1 received");
      }
    }
  });
});

describe.runIf(canRun(...programs))("the outside", () => {
  test.each(["iptables", "nftables"])(
    "sees the node with ipMasq, and without it does not answer: %s",
    async (ipMasqBackend) => {
      const masqueraded = network({ ipMasq: true, ipMasqBackend });
      await using world = await createWorld();
      const { host, outside } = world;
      await startEcho(outside, 80);
      const [a, b] = await host.pods("a", "b");
      await attach(host, a, masqueraded);
      await attach(host, b, network());
      const seen = (netns: string, address: string) =>
        seenAddress(host.node, address, 80, { netns, milliseconds: 1500 });
      expect(await seen("a", outside.address4)).toBe(outside.nodeAddress4);
      expect(await seen("a", outside.address6)).toBe(outside.nodeAddress6);
      expect(await seen("b", outside.address4)).toBeUndefined();
      expect(await seen("b", outside.address6)).toBeUndefined();
      // Whatever the configuration says at DEL, nothing of it stays.
      await host.del(a, network());
      const { ipsets, nftables } = await hostState(host.node);
      expect([...ipsets, ...nftables].filter((line) => line.includes("id-a"))).toEqual([]);
    },
  );

  test("sees the container, and reaches it, where it has a route", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    await startEcho(outside, 80);
    const pod = await host.pod("a");
    const exceptions = [`${outside.address4}/32`, `${outside.address6}/128`];
    const [v4 = "", v6 = ""] = await attach(
      host,
      pod,
      network({ ipMasq: true, nonMasqueradeCIDRs: exceptions }),
    );
    await outside.exec("ip", ["route", "add", `${v4}/32`, "via", outside.nodeAddress4]);
    await outside.exec("ip", ["-6", "route", "add", `${v6}/128`, "via", outside.nodeAddress6]);
    expect(await seenAddress(host.node, outside.address4, 80, { netns: "a" })).toBe(v4);
    expect(await seenAddress(host.node, outside.address6, 80, { netns: "a" })).toBe(v6);
    await startEcho(host.node, 80, "a");
    expect(await seenAddress(outside, v4, 80)).toBe(outside.address4);
    expect(await seenAddress(outside, v6, 80)).toBe(outside.address6);
  });
});
