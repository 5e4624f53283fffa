import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, programs, subnet4 } from "./host.ts";
import {
  backends,
  createWorld,
  masqueraded,
  seenOutside,
  unanswered,
  withBackend,
  without,
} from "./masquerade-world.ts";

describe.runIf(canRun(...programs)).each(backends)("ipMasq by %s", (backend) => {
  const config = withBackend(backend);
  const withoutMasquerade = without(backend);

  test("gives what leaves the network the node's address, in both families, and not without the key", async () => {
    await using world = await createWorld();
    const [a, b] = await world.host.pods("a", "b");
    await world.host.add(a, config);
    await world.host.add(b, withoutMasquerade);
    expect(await seenOutside(world, a)).toEqual(masqueraded(world));
    expect(await seenOutside(world, b)).toEqual(unanswered);
  });

  test("leaves the source address alone between containers and towards the gateway", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const own = (await host.add(a, config)).ips.map(
      ({ address }: { address: string }) => address.split("/")[0],
    );
    const other = (await host.add(b, config)).ips.map(
      ({ address }: { address: string }) => address.split("/")[0],
    );
    await startEcho(host.node, 80, "b");
    await startEcho(host.node, 80);
    for (const [family, gateway] of ["10.1.0.1", "fd00:1::1"].entries()) {
      expect(await seenAddress(host.node, other[family], 80, { netns: "a" })).toBe(own[family]);
      expect(await seenAddress(host.node, gateway, 80, { netns: "a" })).toBe(own[family]);
    }
  });

  test("masquerades every range of several, each apart from its own network only", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const ipam = hostLocal([subnet4, "10.2.0.0/24"]);
    await host.add(a, { ...config, ipam });
    const second = await host.add(b, {
      ...config,
      name: "other",
      bridge: "br1",
      ipam: hostLocal(["10.9.0.0/24"]),
    });
    await startEcho(host.node, 80, "b");
    const target = second.ips[0].address.split("/")[0];
    // Another network of the same node is outside: it sees the node, and never a container's address.
    expect(await seenAddress(host.node, target, 80, { netns: "a" })).toBe("10.9.0.1");
    for (const source of ["10.1.0.2", "10.2.0.2"]) {
      expect(await ping(host.node, world.outside.address4, { netns: "a", source })).toBe(true);
    }
  });

  test("of one of a container's interfaces on a network is not disturbed by the DEL of the other", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const second = { ...pod, ifname: "eth1" };
    const kept = await host.add(pod, config);
    await host.add(second, { ...config, isDefaultGateway: false, isGateway: true });
    await host.del(second, config);
    expect(await seenOutside(world, pod)).toEqual(masqueraded(world));
    await host.check(pod, config, kept);
  });

  test("ends with DEL, also when the configuration no longer has the key: the address is free for others", async () => {
    await using world = await createWorld();
    const { host } = world;
    await host.warmUp(config);
    const before = await hostState(host.node);
    const [a, b] = await host.pods("a", "b");
    const { ips } = await host.add(a, config);
    await host.del(a, withoutMasquerade);
    expect(await hostState(host.node)).toEqual(before);
    const wanted = ips.map(({ address }: { address: string }) => address);
    await host.add(b, { ...withoutMasquerade, args: { cni: { ips: wanted } } });
    expect(await seenOutside(world, b)).toEqual(unanswered);
  });

  test("spares networks that the configuration names: they see the container's own address", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    const [a, b, c] = await host.pods("a", "b", "c");
    const named = { ...config, nonMasqueradeCIDRs: ["10.9.0.0/24", "fd00:9::/64", "192.0.2.0/24"] };
    const pod = await host.add(a, named);
    const own = pod.ips.map(({ address }: { address: string }) => address.split("/")[0]);
    for (const [index, other] of [b, c].entries()) {
      await host.add(other, {
        ...config,
        name: `other${index}`,
        bridge: `br${index + 1}`,
        ipam: hostLocal([`10.${9 + index}.0.0/24`, `fd00:${9 + index}::/64`]),
      });
      await startEcho(host.node, 80, other.name);
    }
    const seen = (address: string) => seenAddress(host.node, address, 80, { netns: "a" });
    expect([await seen("10.9.0.2"), await seen("fd00:9::2")]).toEqual(own);
    expect([await seen("10.10.0.2"), await seen("fd00:10::2")]).toEqual(["10.10.0.1", "fd00:10::1"]);
    expect(await seenOutside(world, a)).toEqual(masqueraded(world));
    expect(outside.nodeAddress4).not.toBe(own[0]);
    await host.check(a, named, pod);
    // The list of the configuration is what CHECK looks for.
    const more = { ...named, nonMasqueradeCIDRs: ["198.51.100.0/24"], prevResult: pod };
    failed(await host.call("CHECK", a, more), 999, /masquerade/);
  });

  test("refuses a list of networks with a word in it, before anything is changed", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    for (const [list, code, words] of [
      ["10.0.0.0/8", 6, /"nonMasqueradeCIDRs" must be a list/],
      [[8], 6, /"nonMasqueradeCIDRs\[0\]" must be a string/],
      [["10.0.0.0/8", "10.0.0.0"], 7, /"nonMasqueradeCIDRs\[1\]" is no network.*192\.168\.0\.0\/16/],
      [["fd00::/129"], 7, /"nonMasqueradeCIDRs\[0\]" is no network/],
      [["10.1.2.3/8"], 7, /"nonMasqueradeCIDRs\[0\]" has host bits set.*its network is 10\.0\.0\.0\/8/],
      [[""], 7, /"nonMasqueradeCIDRs\[0\]" is no network/],
    ] as const) {
      failed(await host.call("ADD", pod, { ...config, nonMasqueradeCIDRs: list }), code, words);
    }
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("ipMasq by nftables", () => {
  test("has as many rules for many containers as for one", async () => {
    await using host = await Host.create();
    const rulesOf = async () =>
      (await hostState(host.node)).nftables.filter((line) => !line.includes('comment "podwire')).length;
    const counts: number[] = [];
    for (const pod of await host.pods("a", "b", "c", "d")) {
      await host.add(pod, withBackend("nftables"));
      counts.push(await rulesOf());
    }
    expect(counts[0]).toBeGreaterThan(4);
    expect(counts).toEqual(Array(4).fill(counts[0]));
  });
});
