/** Hundreds of peers: what a call does grows with them by as much for each, and not at all where nothing has changed. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { stepsOf } from "../sweep/system-calls.ts";
import {
  attach,
  createWorld,
  failed,
  type Keys,
  l3Network,
  overlayOf,
  programs,
  type VxlanHost,
  type World,
} from "./world.ts";

/** So many have more entries than are looked at in each ADD: a route, a neighbour, a forwarding entry and an address each. */
const many = 300;

const peer = (index: number) => {
  const [high, low] = [(index + 1) >> 8, (index + 1) & 255];
  return { vtep: `198.18.${high}.${low}`, subnets: [`10.${128 + high}.${low}.0/24`] };
};

/** A node with peers that are nowhere. */
const network = (world: World, count: number): Keys =>
  l3Network(
    world,
    0,
    {
      underlay: { dev: "eth0" },
      discovery: { type: "static", peers: Array.from({ length: count }, (_, index) => peer(index)) },
    },
    { l3: { network: "10.0.0.0/8" } },
  );

/** The system calls of an ADD, of which there are a few more or less from time to time. */
async function countCalls(host: VxlanHost, name: string, config: Keys): Promise<number> {
  const pod = await host.pod(name);
  const { length } = await stepsOf({ host, command: "ADD", pod, config });
  await host.del(pod, config);
  return length;
}
const tolerance = 8;

/** When overlays were last looked at. */
const folderOf = ({ node }: VxlanHost) => node.path("/run/podwire/vxlan");

/** As if time had passed: the overlay was not looked at for a while. */
const letTimePass = (host: VxlanHost) => rmSync(folderOf(host), { recursive: true });

/** As if no time had passed, on a machine that is slow: the overlay was looked at just now. */
function stopTime(host: VxlanHost): void {
  const now = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
  const [name = ""] = readdirSync(folderOf(host));
  const file = `${folderOf(host)}/${name}`;
  writeFileSync(file, readFileSync(file, "utf8").replace(/^\S+/, String(now)));
}

describe.runIf(canRun(...programs, "strace"))("the system calls of ADD", () => {
  test("grow by as many for each peer", async () => {
    const counts: number[] = [];
    for (const count of [100, 400, 700]) {
      await using world = await createWorld(1);
      counts.push(await countCalls(world.host(0), "pod", network(world, count)));
    }
    const [few = 0, more = 0, most = 0] = counts;
    expect(more - few).toBeGreaterThan(0);
    expect(Math.abs(most - more - (more - few))).toBeLessThan(tolerance);
    // Sixty entries in one, and its answer; each dump once before and once after; and the sum.
    expect(most - more).toBeLessThan(100);
  });

  test("are as many with many peers as with few, for one that comes soon after another", async () => {
    const counts: number[] = [];
    for (const count of [10, many]) {
      await using world = await createWorld(1);
      const config = network(world, count);
      for (const name of ["one", "two"]) await attach(world.host(0), name, config);
      if (count === many) stopTime(world.host(0));
      counts.push(await countCalls(world.host(0), "three", config));
    }
    const [few = 0, more = 0] = counts;
    expect(more).toBeLessThan(few + tolerance);
  });
});

describe.runIf(canRun(...programs))("a change by hand to an overlay with many peers", () => {
  const attachTwo = async (host: VxlanHost, config: Keys) => {
    const one = await attach(host, "one", config);
    await attach(host, "two", config);
    return one;
  };
  const [victim] = peer(7).subnets as [string];

  test.each([
    ["route", "ip", `route delete ${victim}`, /missing: route 10.128.8.0\/24/],
    [
      "forwarding entry",
      "bridge",
      "fdb delete 0e:76:c6:12:00:08 dev vx100 dst 198.18.0.8",
      /missing: forwarding entry/,
    ],
    ["neighbour", "ip", "neighbour delete 10.128.8.0 dev vx100", /missing: neighbour 10.128.8.0/],
    [
      "address",
      "nft",
      "delete element inet podwire-vxlan-net vteps4-100-4789 { 198.18.0.8 }",
      /missing in the guard's set/,
    ],
  ])(
    "is found by CHECK at once, and repaired by an ADD that does not come right after another: %s",
    async (_, program, words, message) => {
      await using world = await createWorld(1);
      const [host, config] = [world.host(0), network(world, many)];
      const one = await attachTwo(host, config);
      const before = await overlayOf(host.node);
      await host.node.exec(program, words.split(" "));
      const damaged = await overlayOf(host.node);
      expect(damaged).not.toEqual(before);
      failed(await host.call("CHECK", one, { ...config, prevResult: one.result }), 999, message);
      stopTime(host);
      await attach(host, "three", config);
      expect(await overlayOf(host.node)).toEqual(damaged);
      letTimePass(host);
      await attach(host, "four", config);
      expect(await overlayOf(host.node)).toEqual(before);
      await host.check(one, config, one.result);
    },
  );

  test.each(["link set vx100 down", "link set vx100 mtu 1400", "link delete vx100"])(
    "is repaired by the next ADD if it is one of the device: %s",
    async (words) => {
      await using world = await createWorld(1);
      const [host, config] = [world.host(0), network(world, many)];
      const one = await attachTwo(host, config);
      const before = await overlayOf(host.node);
      await host.node.exec("ip", words.split(" "));
      await attach(host, "three", config);
      expect(await overlayOf(host.node)).toEqual(before);
      await host.check(one, config, one.result);
    },
  );

  test("does not keep a changed configuration from being applied at once", async () => {
    await using world = await createWorld(1);
    const host = world.host(0);
    await attachTwo(host, network(world, many));
    const { routes } = await overlayOf(host.node);
    await attach(host, "three", network(world, many + 1));
    expect((await overlayOf(host.node)).routes).toHaveLength(routes.length + 1);
    await attach(host, "four", network(world, many));
    expect((await overlayOf(host.node)).routes).toEqual(routes);
  });

  test("leaves nothing of an overlay that goes with its last pod", async () => {
    await using world = await createWorld(1);
    const host = world.host(0);
    const config = { ...network(world, many), keepDevice: false };
    const [one, two] = [await attach(host, "one", config), await attach(host, "two", config)];
    for (const pod of [one, two]) await host.del(pod, config);
    expect((await host.node.exec("find", ["/run/podwire/vxlan", "-type", "f"])).stdout).toBe("");
  });
});
