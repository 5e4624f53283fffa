/** What an overlay had before its configuration was changed: it goes, and nothing of others. */
import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { hostState, link } from "../attachment/kernel-state.ts";
import {
  attach,
  createWorld,
  failed,
  type Keys,
  l2Network,
  l3Network,
  overlayOf,
  programs,
  routesOf,
  type World,
} from "./world.ts";

const other4 = "10.50.0.0/16";
const other6 = "fd00:50::/48";

/** The first node, with one peer, in networks that no other test has. */
function elsewhere(world: World, keys: Keys = {}, l3: Keys = {}): Keys {
  return l3Network(world, 0, {
    discovery: { peers: [{ vtep: "192.0.2.2", subnets: ["10.50.2.0/24", "fd00:50:0:2::/64"] }] },
    l3: { network: [other4, other6], subnets: ["10.50.1.0/24", "fd00:50:0:1::/64"], ...l3 },
    ...keys,
  });
}

/** Routes of our protocol that are not of the network, and one into it of another protocol. */
const foreign = [
  ["10.50.77.0/24", "via 192.0.2.9 proto 85"],
  ["10.77.0.0/16", "via 192.0.2.9 proto 84"],
  ["fd00:77::/48", "via 2001:db8::9 proto 84"],
] as const;

describe.runIf(canRun(...programs))("routes into networks that an overlay has no more", () => {
  test.each([
    ["encapsulated", false],
    ["direct", true],
  ])("go with the next ADD, those of both families: %s", async (_, directRouting) => {
    await using world = await createWorld(2);
    const host = world.host(0);
    await attach(host, "one", elsewhere(world, {}, { directRouting }));
    expect(await routesOf(host.node)).toHaveLength(2);
    for (const [destination, way] of foreign)
      await host.node.exec("ip", `route add ${destination} ${way}`.split(" "));
    const stays = [
      "10.77.0.0/16 via 192.0.2.9 dev eth0",
      "fd00:77::/48 via 2001:db8::9 dev eth0",
      "10.244.2.0/24 via 192.0.2.2 dev eth0",
    ];
    const config = l3Network(world, 0, {}, { l3: { directRouting: true } });
    await attach(host, "two", config);
    expect(await routesOf(host.node)).toEqual([...stays].sort());
    expect((await host.node.exec("ip", ["route", "show", "proto", "85"])).stdout).toContain("10.50.77.0/24");
    // Not only once: what is in order is seen to be.
    await attach(host, "three", config);
    expect(await routesOf(host.node)).toEqual([...stays].sort());
  });

  test("go when nothing but directRouting is taken back", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    await attach(host, "one", elsewhere(world, {}, { directRouting: true }));
    await attach(host, "two", elsewhere(world));
    expect(await routesOf(host.node)).toEqual([
      "10.50.2.0/24 via 10.50.2.0 dev vx100",
      "fd00:50:0:2::/64 via fd00:50:0:2:: dev vx100",
    ]);
  });

  test("go with the device, when the last pod goes or GC comes with a changed configuration", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const first = elsewhere(world, { keepDevice: false }, { directRouting: true });
    const changed = l3Network(world, 0, { keepDevice: false });
    for (const collect of [false, true]) {
      const pod = await attach(host, collect ? "two" : "one", first);
      expect(await routesOf(host.node)).toHaveLength(collect ? 3 : 2);
      if (collect) await host.gc(changed, []);
      else {
        await host.node.exec("ip", "route add fd00:77::/48 via 2001:db8::9 proto 84".split(" "));
        await host.del(pod, changed);
      }
      expect(await routesOf(host.node)).toEqual(["fd00:77::/48 via 2001:db8::9 dev eth0"]);
    }
  });

  test("are reported by CHECK", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const one = await attach(host, "one", elsewhere(world, {}, { directRouting: true }));
    await host.node.exec("ip", "route add 10.50.3.0/24 via 192.0.2.9 proto 84".split(" "));
    const config = elsewhere(world, {}, { directRouting: true });
    const run = await host.call("CHECK", one, { ...config, prevResult: one.result });
    failed(run, 999, /foreign: route 10.50.3.0\/24 via 192.0.2.9/);
  });

  test("are replaced in two steps where the device cannot remember old and new ones", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const keys = { directRouting: true };
    const list = (first: number) => Array.from({ length: 8 }, (_, at) => `10.${first + at}.0.0/16`);
    const network = (networks: readonly string[]) =>
      l3Network(
        world,
        0,
        {
          discovery: {
            peers: [{ vtep: "192.0.2.2", subnets: networks.map((one) => one.replace("0.0/16", "2.0/24")) }],
          },
        },
        { l3: { ...keys, network: ["10.244.0.0/16", ...networks] } },
      );
    await attach(host, "one", network(list(100)));
    expect(await routesOf(host.node)).toHaveLength(8);
    const before = await hostState(host.node);
    const run = await host.call("ADD", await host.pod("two"), network(list(150)));
    failed(run, 7, /"l3.network" replaces networks of vx100.*all 17.*remove the former ones first/);
    expect(await hostState(host.node)).toEqual(before);
    await attach(host, "three", network([]));
    expect(await routesOf(host.node)).toEqual([]);
    await attach(host, "four", network(list(150)));
    expect(await routesOf(host.node)).toHaveLength(8);
  });

  test("stay with their owner, if another overlay is configured with them", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    await attach(host, "one", elsewhere(world));
    const before = await hostState(host.node);
    const intruder = l3Network(world, 0, {
      name: "other",
      vni: 200,
      l3: { network: "10.0.0.0/8", subnets: ["10.244.1.0/24"] },
    });
    const run = await host.call("ADD", await host.pod("two"), intruder);
    failed(
      run,
      7,
      /"l3.network" has 10.0.0.0\/8, which overlaps the networks of the VXLAN device vx100 .*network=net/,
    );
    expect(await hostState(host.node)).toEqual(before);
    failed(
      await host.call("STATUS", undefined, intruder),
      7,
      /overlaps the networks of the VXLAN device vx100/,
    );
  });
});

describe.runIf(canRun(...programs))("a network that is configured for the other mode", () => {
  test.each([
    ["l3", "l2"],
    ["l2", "l3"],
  ] as const)(
    "from %s to %s is refused while pods are there, and recreated without any",
    async (from, to) => {
      await using world = await createWorld(2);
      const configOf = (index: number, mode: "l2" | "l3") =>
        mode === "l2" ? l2Network(world, index) : l3Network(world, index);
      const host = world.host(0);
      const one = await attach(host, "one", configOf(0, from));
      const before = await hostState(host.node);
      failed(
        await host.call("ADD", await host.pod("two"), configOf(0, to)),
        7,
        new RegExp(`mode \\(${from}, configured is ${to}\\)`),
      );
      expect(await hostState(host.node)).toEqual(before);
      await host.del(one, configOf(0, from));
      const mine = await attach(host, "three", configOf(0, to));
      const theirs = await attach(world.host(1), "pod", configOf(1, to));
      expect(await ping(host.node, theirs.addresses[0] ?? "", { netns: "three" })).toBe(true);
      const { neighbours, routes, fdb } = await overlayOf(host.node);
      expect([neighbours.length, routes.length, fdb.length]).toEqual(to === "l3" ? [1, 1, 1] : [0, 0, 1]);
      await host.check(mine, configOf(0, to), mine.result);
    },
  );

  test("a bridge of another name is refused while pods are on the old one", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const one = await attach(host, "one", l2Network(world, 0));
    const renamed = l2Network(world, 0, { bridge: "br-other" });
    const before = await hostState(host.node);
    failed(
      await host.call("ADD", await host.pod("two"), renamed),
      7,
      /bridge \(br-vx100, configured is br-other\)/,
    );
    expect(await hostState(host.node)).toEqual(before);
    await host.del(one, renamed);
    await attach(host, "three", renamed);
    expect((await link(host.node, "vx100")).master).toBe("br-other");
  });
});
