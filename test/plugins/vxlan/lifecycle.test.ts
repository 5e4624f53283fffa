/** What happens to an overlay over time: CHECK names it, the next ADD repairs it, pods that are there lose nothing. */
import { describe, expect, test } from "vitest";
import { canRun, type Node, ping } from "../../helpers/index.ts";
import { link, links } from "../attachment/kernel-state.ts";
import {
  type AttachedPod,
  attach,
  attachEverywhere,
  createWorld,
  failed,
  fdbOf,
  guardOf,
  type Keys,
  l2Network,
  l3Network,
  networkOf,
  overlayOf,
  programs,
  type World,
} from "./world.ts";

const ip = (node: Node, command: string) => node.exec("ip", command.split(" "));

const reaches = (from: AttachedPod | undefined, to: AttachedPod | undefined) =>
  ping(from?.host.node as Node, to?.addresses[0] ?? "", { netns: from?.name ?? "", seconds: 3 });

describe.runIf(canRun(...programs))("the underlay", () => {
  test.each(["l2", "l3"] as const)("may lose its interface and get it back (%s)", async (mode) => {
    await using world = await createWorld(2);
    const network = (index: number) => networkOf[mode](world, index);
    const [one, two] = await attachEverywhere(world, network);
    const { node } = world.host(0);
    await ip(node, "link delete eth0");
    const run = await world.host(0).call("CHECK", one, { ...network(0), prevResult: one?.result });
    failed(run, 999, /route to the peer 192.0.2.2/);
    failed(
      await world.host(0).call("ADD", await world.host(0).pod("early"), network(0)),
      11,
      /route to the peer/,
    );
    await world.underlay.connect(0);
    expect(await reaches(one, two)).toBe(true);
    await attach(world.host(0), "new", network(0));
    await world.host(0).check(one as AttachedPod, network(0), one?.result);
  });

  test("takes the device of a multicast group with it, which the next ADD brings back", async () => {
    await using world = await createWorld(2);
    const group = {
      discovery: {},
      underlay: { dev: "eth0" },
      l2: { flood: "multicast", group: "239.1.1.100" },
    };
    const network = (index: number) => l2Network(world, index, group);
    const [one, two] = await attachEverywhere(world, network);
    const { node } = world.host(0);
    await ip(node, "link delete eth0");
    expect((await links(node)).map(({ ifname }) => ifname)).not.toContain("vx100");
    const run = await world.host(0).call("CHECK", one, { ...network(0), prevResult: one?.result });
    failed(run, 999, /the underlay interface eth0 is missing/);
    await world.underlay.connect(0);
    await attach(world.host(0), "new", network(0));
    await world.host(0).check(one as AttachedPod, network(0), one?.result);
    expect(await reaches(one, two)).toBe(true);
    expect(await reaches(two, one)).toBe(true);
  });

  test("may change the node's address: the device follows, and the peers' configuration has it", async () => {
    await using world = await createWorld(2);
    const [one, two] = await attachEverywhere(world, (index) => l3Network(world, index));
    const { node } = world.host(0);
    await ip(node, "address add 192.0.2.11/24 dev eth0");
    await ip(node, "address delete 192.0.2.1/24 dev eth0");
    await node.exec("sh", ["-c", "ip address replace 192.0.2.11/24 dev eth0"]);
    const index = (await link(node, "vx100")).ifindex;
    await attach(world.host(0), "new", l3Network(world, 0));
    const peer = l3Network(world, 1) as { discovery: { peers: Keys[] } };
    const moved = {
      ...peer,
      discovery: { peers: peer.discovery.peers.map((each) => ({ ...each, vtep: "192.0.2.11" })) },
    };
    await attach(world.host(1), "new", moved);
    // The same device, and so nothing that pods had through it was gone.
    expect((await link(node, "vx100")).ifindex).toBe(index);
    expect((await link(node, "vx100")).address).toBe("0e:76:c0:00:02:0b");
    expect(await fdbOf(world.host(1).node)).toEqual(["0e:76:c0:00:02:0b 192.0.2.11"]);
    expect(await guardOf(world.host(1).node)).toEqual(["192.0.2.11"]);
    expect(await reaches(one, two)).toBe(true);
  });

  test("address that is configured and gone is named", async () => {
    await using world = await createWorld(2);
    const network = l3Network(world, 0, { underlay: { local: "192.0.2.1" } });
    const one = await attach(world.host(0), "one", network);
    await ip(world.host(0).node, "address add 192.0.2.11/24 dev eth0");
    await ip(world.host(0).node, "address delete 192.0.2.1/24 dev eth0");
    await ip(world.host(0).node, "address replace 192.0.2.11/24 dev eth0");
    const run = await world.host(0).call("CHECK", one, { ...network, prevResult: one.result });
    failed(run, 999, /underlay address 192.0.2.1 is not an address of this node/);
    failed(await world.host(0).call("STATUS", undefined, network), 50, /underlay address 192.0.2.1/);
  });
});

describe.runIf(canRun(...programs))("a guard that a flush of all rules has removed", () => {
  test.each(["DEL", "GC", "ADD"] as const)("comes back with the next %s of the network", async (verb) => {
    await using world = await createWorld(2);
    const network = l3Network(world, 0, { cniVersion: "1.1.0" });
    const host = world.host(0);
    const stays = await attach(host, "stays", network);
    const goes = await attach(host, "goes", network);
    for (const flush of [
      ["flush", "ruleset"],
      ["flush", "table", "inet", "podwire-vxlan-net"],
    ]) {
      await host.node.exec("nft", flush);
      const drift = await host.call("CHECK", stays, { ...network, prevResult: stays.result });
      failed(drift, 999, /the guard does not drop VXLAN of strangers/);
      if (verb === "DEL") await host.del(goes, network);
      else if (verb === "GC") await host.gc(network, [stays, goes]);
      else await host.del(await attach(host, `new-${flush.length}`, network), network);
      await host.check(stays, network, stays.result);
    }
  });
});

describe.runIf(canRun(...programs))("peers", () => {
  const withPeers = (world: World, mode: "l2" | "l3", count: number) => {
    const config = networkOf[mode](world, 0) as Keys & { discovery: { peers: Keys[] } };
    return { ...config, discovery: { type: "static", peers: config.discovery.peers.slice(0, count) } };
  };

  test.each(["l2", "l3"] as const)("come and go with the configuration (%s)", async (mode) => {
    await using world = await createWorld(4);
    const pods = await attachEverywhere(world, (index) => networkOf[mode](world, index));
    const host = world.host(0);
    const full = await overlayOf(host.node);
    expect(await reaches(pods[0], pods[1])).toBe(true);
    // What pods of the peer that stays have with ours goes on all the time.
    const args = ["-n", "-q", "-i", "0.02", pods[1]?.addresses[0] ?? ""];
    await using pinging = host.node.start("ping", args, { netns: "pod" });
    const one = await attach(host, "fewer", withPeers(world, mode, 1));
    const fewer = await overlayOf(host.node);
    expect(fewer.fdb).toHaveLength(1);
    expect(fewer.guard).toEqual(["192.0.2.2"]);
    expect(await reaches(pods[0], pods[1])).toBe(true);
    await host.del(one, withPeers(world, mode, 1));
    await attach(host, "all", networkOf[mode](world, 0));
    expect(await overlayOf(host.node)).toEqual(full);
    expect((await pinging.stop("SIGINT")).stdout).toMatch(/ 0% packet loss/);
    for (const pod of pods.slice(1)) expect(await reaches(pods[0], pod)).toBe(true);
  });
});

describe.runIf(canRun(...programs))("the last DEL", () => {
  test("leaves the device where it is", async () => {
    await using world = await createWorld(2);
    const one = await attach(world.host(0), "one", l3Network(world, 0));
    await world.host(0).del(one, l3Network(world, 0));
    expect((await link(world.host(0).node, "vx100")).flags).toContain("UP");
  });

  test.each(["l2", "l3"] as const)("takes all with it when the configuration says so (%s)", async (mode) => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const before = (await links(host.node)).map(({ ifname }) => ifname);
    const network = networkOf[mode](world, 0, { keepDevice: false });
    const [one, two] = [await attach(host, "one", network), await attach(host, "two", network)];
    await host.del(one, network);
    expect(await fdbOf(host.node)).toHaveLength(1);
    await host.del(two, network);
    expect((await links(host.node)).map(({ ifname }) => ifname)).toEqual(before);
    expect(await guardOf(host.node)).toBeUndefined();
    await host.del(two, network);
  });

  test("is GC's too", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const network = l2Network(world, 0, { keepDevice: false });
    const one = await attach(host, "one", network);
    const two = await attach(host, "two", network);
    await host.gc(network, [one]);
    expect(await fdbOf(host.node)).toHaveLength(1);
    await host.gc(network, []);
    expect((await links(host.node)).map(({ ifname }) => ifname)).toEqual(["lo", "eth0"]);
    expect(two.addresses).toHaveLength(1);
  });

  test("needs no valid configuration", async () => {
    await using world = await createWorld(2);
    const one = await attach(world.host(0), "one", l3Network(world, 0));
    await world.host(0).del(one, l3Network(world, 0, { vni: -1, discovery: 5, mode: "none" }));
    expect(
      (await links(world.host(0).node)).filter(({ linkinfo }) => linkinfo?.info_kind === "veth"),
    ).toHaveLength(1);
  });
});
