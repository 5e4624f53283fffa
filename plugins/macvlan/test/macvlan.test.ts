import { describe, expect, test } from "vitest";
import { hostLinkName } from "../../../shared/cni/attachment.ts";
import { canRun, ping, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, succeeded } from "../../../test/plugins/attachment/host.ts";
import { addresses, link, links, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { namespaceStates, prepareDeletion } from "../../../test/plugins/attachment/netns-states.ts";
import { createWorld, network, network4 } from "./world.ts";

const programs = ["ip", "ping", "iptables-save", "nft", "ipset"] as const;

describe.runIf(canRun(...programs))("macvlan ADD", () => {
  test("makes the container a neighbour of the hosts on the master's link", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    const [a, b] = await host.pods("a", "b");
    const result = await host.add(a, network());
    await host.add(b, network());
    const { address, mtu, linkinfo, ifalias } = await link(host.node, "eth0", "a");
    expect([linkinfo?.info_kind, ifalias]).toEqual([
      "macvlan",
      "podwire network=net container=id-a interface=eth0",
    ]);
    expect(result.interfaces).toEqual([{ name: "eth0", mac: address, mtu, sandbox: a.netns }]);
    expect(address).toBe("0a:58:cb:00:71:64");
    expect(await addresses(host.node, "eth0", "a")).toEqual(["203.0.113.100/24", "2001:db8:ffff::100/64"]);
    for (const target of [outside.address4, outside.address6, "203.0.113.101", "2001:db8:ffff::101"])
      expect(await ping(host.node, target, { netns: "a" }), target).toBe(true);
    expect(await ping(outside, "203.0.113.101")).toBe(true);
    await host.check(a, network(), result);
  });

  test("works where the host has an interface of the name CNI_IFNAME", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    await host.node.exec("ip", ["link", "add", "eth0", "type", "bridge"]);
    const pod = await host.pod("a");
    await host.add(pod, network4());
    expect(await ping(host.node, outside.address4, { netns: "a" })).toBe(true);
  });

  test("takes the interface with the default route where the configuration names no master", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const config = network4({ master: "" });
    await host.check(pod, config, await host.add(pod, config));
    const { link_index } = await link(host.node, "eth0", "a");
    expect(link_index).toBe((await link(host.node, "uplink")).ifindex);
  });

  test("passes CHECK after the default route has moved to another interface, or has gone", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const config = network4({ master: "" });
    const result = await host.add(pod, config);
    await host.node.exec("ip", ["link", "add", "other0", "up", "type", "bridge"]);
    await host.node.exec("ip", ["address", "add", "198.51.100.7/24", "dev", "other0"]);
    for (const family of ["-4", "-6"]) await host.node.exec("ip", [family, "route", "flush", "default"]);
    await host.check(pod, config, result);
    await host.node.exec("ip", ["route", "add", "default", "via", "198.51.100.1"]);
    await host.check(pod, config, result);
  });

  test.each(["..", "a/b", "all", "eth0%d", "sixteen-bytes-xx", "a b", "\u0000", "toString"])(
    "refuses the master %o, and changes nothing",
    async (master) => {
      await using world = await createWorld();
      const { host } = world;
      const pod = await host.pod("a");
      const before = await host.node.snapshot();
      const isName = master === "toString";
      failed(await host.call("ADD", pod, network4({ master })), isName ? 999 : 7, /master/);
      expect(await host.node.snapshot()).toEqual(before);
    },
  );

  test("is not misled by routes to addresses for documentation", async () => {
    await using world = await createWorld();
    const { host } = world;
    await host.node.exec("ip", ["link", "add", "other0", "up", "type", "bridge"]);
    await host.node.exec("ip", ["route", "add", "blackhole", "192.0.2.0/24"]);
    await host.node.exec("ip", ["address", "add", "198.51.100.7/24", "dev", "other0"]);
    const pod = await host.pod("a");
    // The cable to the outside has the third of these networks: only the IPv6 default route is left to be found.
    await host.add(pod, network4({ master: "" }));
    expect((await link(host.node, "eth0", "a")).link_index).toBe((await link(host.node, "uplink")).ifindex);
  });

  test("on a master that is a macvlan interface passes CHECK: the kernel puts both on one device", async () => {
    await using world = await createWorld();
    const { host } = world;
    await host.node.exec("ip", [
      "link",
      "add",
      "mac0",
      "link",
      "uplink",
      "up",
      "type",
      "macvlan",
      "mode",
      "bridge",
    ]);
    const pod = await host.pod("a");
    const config = network4({ master: "mac0" });
    await host.check(pod, config, await host.add(pod, config));
  });

  test("separates the containers in the mode private", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    const [a, b] = await host.pods("a", "b");
    const config = network4({ mode: "private" });
    for (const pod of [a, b]) await host.add(pod, config);
    expect(await ping(host.node, outside.address4, { netns: "a" })).toBe(true);
    expect(await ping(host.node, "203.0.113.101", { netns: "a" })).toBe(false);
  });

  test("gives the whole master to one container in the mode passthru, with the master's MAC address", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const config = network4({ mode: "passthru" });
    const { address: before } = await link(host.node, "uplink");
    await host.add(a, config);
    expect((await link(host.node, "eth0", "a")).address).toBe(before);
    failed(
      await host.call("ADD", b, config),
      999,
      /uplink takes no macvlan interface of this mode.*passthru/,
    );
    expect(await reservations(host.node)).toEqual(["203.0.113.100"]);
    await host.del(a, config);
    expect((await link(host.node, "uplink")).address).toBe(before);
  });

  test.each<[string, Keys, object]>([
    ["the capability", { runtimeConfig: { mac: "02:00:00:00:00:07" }, mac: "02:00:00:00:00:09" }, {}],
    ["args.cni", { args: { cni: { mac: "02:00:00:00:00:07" } } }, {}],
    ["CNI_ARGS", { mac: "02:00:00:00:00:09" }, { args: "MAC=02:00:00:00:00:07" }],
    ["the configuration", { mac: "02-00-00-00-00-07" }, {}],
  ])("gives the interface the MAC address of %s", async (_, keys, extras) => {
    await using world = await createWorld();
    const pod = await world.host.pod("a");
    const result = await world.host.add(pod, network4(keys), extras);
    expect(result.interfaces[0].mac).toBe("02:00:00:00:00:07");
    expect((await link(world.host.node, "eth0", "a")).address).toBe("02:00:00:00:00:07");
  });

  test("makes an interface without addresses where there is no IPAM, of the wanted MTU", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const config = network({ ipam: {}, mtu: 1400, bcqueuelen: 2000 });
    const result = await host.add(pod, config);
    const eth0 = await link(host.node, "eth0", "a");
    expect([eth0.mtu, eth0.flags.includes("UP"), result.ips]).toEqual([1400, true, undefined]);
    const { stdout } = await host.node.exec("ip", ["-d", "link", "show", "eth0"], { netns: "a" });
    expect(stdout).toContain("bcqueuelen 2000");
    await host.check(pod, config, result);
  });

  test("finds a master in the container, which an earlier plugin has made", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const inside = { netns: "a" };
    await host.node.exec("ip", ["link", "add", "lower", "type", "veth", "peer", "name", "other"], inside);
    await host.node.exec("ip", ["link", "set", "lower", "up"], inside);
    const config = network4({ master: "lower", linkInContainer: true });
    const result = await host.add(pod, config);
    await host.check(pod, config, result);
    failed(
      await host.call("ADD", { ...pod, ifname: "net1" }, network4({ master: "lower" })),
      999,
      /"lower" does not exist on this node/,
    );
    await host.del(pod, config);
  });

  test("replaces what a killed ADD has left under its first name", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    // Between its making and its naming, the interface has the name of the host's end of a pair.
    const name = hostLinkName({ network: "net", containerId: pod.containerId, ifname: "eth0" }, "macvlan");
    await host.node.exec("ip", ["link", "add", name, "link", "uplink", "netns", "a", "type", "macvlan"]);
    await host.add(pod, network4());
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo", "eth0"]);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    [
      "a mode that there is not",
      { mode: "source" },
      7,
      /"mode" is an unknown macvlan mode: "source".*bridge, private, vepa, passthru/,
    ],
    [
      "a master that there is not",
      { master: "eth9" },
      999,
      /the master "eth9" does not exist on this node.*ip link/,
    ],
    ["a master that is no name", { master: "../all" }, 7, /"master" is not an interface name/],
    ["the loopback interface", { master: "lo" }, 7, /"lo" is a loopback interface/],
    ["an MTU above the master's", { mtu: 9000 }, 7, /invalid MTU 9000, must be \[0, master MTU\(1500\)\]/],
    ["an MTU that is too small", { mtu: 60 }, 7, /"mtu" is 60/],
    ["a group's MAC address", { mac: "01:00:5e:00:00:01" }, 7, /mac is not a MAC address/],
    ["a queue of a negative length", { bcqueuelen: -1 }, 7, /"bcqueuelen" is -1/],
    [
      "no IPAM in an old version",
      { ipam: {}, cniVersion: "0.2.0" },
      7,
      /0\.2\.0 allows no network without ipam/,
    ],
    ["a missing IPAM plugin", { ipam: { type: "missing" } }, 5, /failed to find plugin "missing"/],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, network(keys)), code, words);
    expect(await host.node.snapshot()).toEqual(before);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("says whose port a master is, and who has its MAC address already; nothing is left of it", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    const batch =
      "link add br0 type bridge\nlink add port0 type veth peer name port1\nlink set port0 master br0\n";
    await host.node.exec("ip", ["-batch", "-"], { input: batch });
    failed(
      await host.call("ADD", a, network4({ master: "port0" })),
      999,
      /port0 is in use.*a port of br0.*use br0/,
    );
    const same = network4({ mac: "02:00:00:00:00:07" });
    await host.add(a, same);
    failed(await host.call("ADD", b, same), 999, /another interface on uplink has the MAC address/);
    expect(await reservations(host.node)).toHaveLength(1);
    expect(await links(host.node, "b")).toHaveLength(1);
  });

  test("refuses an IPv6 address that a neighbour has, and leaves nothing", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    const pod = await host.pod("a");
    await outside.exec("ip", ["address", "add", "2001:db8:ffff::100/64", "dev", "eth0", "nodad"]);
    failed(
      await host.call("ADD", pod, network()),
      999,
      /another node already has the address 2001:db8:ffff::100/,
    );
    expect(await reservations(host.node)).toEqual([]);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("refuses a name that is taken, and asks IPAM for nothing", async () => {
    await using world = await createWorld();
    const pod = await world.host.pod("a");
    await world.host.add(pod, network4());
    failed(await world.host.call("ADD", pod, network4()), 4, /"eth0" already exists/);
    expect(await reservations(world.host.node)).toEqual(["203.0.113.100"]);
  });
});

describe.runIf(canRun(...programs))("macvlan CHECK and STATUS", () => {
  test("name everything that was changed", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    const config = network4({ mtu: 1400 });
    const prevResult = await host.add(pod, config);
    const ip = (...words: string[]) => host.node.exec("ip", words, { netns: "a" });
    const check = (keys: Keys = {}) => host.call("CHECK", pod, { ...config, prevResult, ...keys });
    failed(await check({ mode: "vepa" }), 999, /eth0 has the macvlan mode bridge, expected vepa/);
    await ip("link", "set", "eth0", "mtu", "1300");
    await ip("route", "delete", "default");
    failed(await check(), 999, /MTU 1300, expected 1400.*0\.0\.0\.0\/0/s);
    await ip("link", "set", "eth0", "down");
    failed(await check(), 999, /eth0.*is down/);
    await host.node.exec("ip", ["link", "add", "other0", "type", "bridge"]);
    failed(await check({ master: "other0" }), 999, /eth0 is not on other0/);
    await host.node.exec("ip", ["link", "delete", "uplink"]);
    failed(await check(), 999, /the master "uplink" does not exist/);
    failed(await check({ master: "other0" }), 999, /eth0.*is missing/);
  });

  test("STATUS fails where the master or IPAM is not there", async () => {
    await using world = await createWorld();
    const { host } = world;
    const status = (keys: Keys) => host.call("STATUS", undefined, network4(keys));
    succeeded(await status({}));
    succeeded(await status({ ipam: undefined }));
    succeeded(await status({ master: "later", linkInContainer: true }));
    failed(await status({ master: "eth9" }), 50, /"eth9" does not exist/);
    failed(await status({ mtu: 9000 }), 7, /invalid MTU/);
    failed(await status({ ipam: { type: "missing" } }), 5, /missing/);
  });
});

describe.runIf(canRun(...programs))("macvlan DEL leaves nothing when the container's namespace", () => {
  const prepared = async () => {
    const world = await createWorld();
    const stage = await prepareDeletion(world.host, network4());
    return { ...stage, [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose]() };
  };

  test.each(namespaceStates)("%s", async (_state, leave) => {
    await using stage = await prepared();
    const { host, result, intact } = stage;
    await host.del(await leave(stage), { ...network4(), prevResult: result });
    await host.node.exec("rm", ["-f", "/run/plain"]);
    await intact();
  });

  test("has lost the interface, since the master was unplugged", async () => {
    await using world = await createWorld();
    const { host } = world;
    const pod = await host.pod("a");
    await host.add(pod, network4());
    await host.node.exec("ip", ["link", "delete", "uplink"]);
    await host.del(pod, network4());
    expect(await reservations(host.node)).toEqual([]);
  });

  test("GC releases the addresses of those that are gone", async () => {
    await using world = await createWorld();
    const { host } = world;
    const [a, b] = await host.pods("a", "b");
    for (const pod of [a, b]) await host.add(pod, network4());
    await host.node.deleteNetns("a");
    await host.gc(network4(), [b]);
    expect(await reservations(host.node)).toEqual(["203.0.113.101"]);
  });
});

describe.runIf(canRun(referencePlugin("macvlan"), ...programs))("beside the reference plugin", () => {
  /** The reference 1.1.1 knows no 1.1.0. */
  const config = network4({ cniVersion: "1.0.0" });

  test("what it attached passes our CHECK, and goes with our DEL; and the other way round", async () => {
    await using world = await createWorld();
    const { host } = world;
    const reference = new Host(host.node, referencePlugin("macvlan"), referenceBin);
    const [a, b] = await host.pods("a", "b");
    const theirs = await reference.add(a, config);
    await host.check(a, config, theirs);
    await host.del(a, { ...config, prevResult: theirs });
    const ours = await host.add(b, config);
    await reference.check(b, config, ours);
    await reference.del(b, { ...config, prevResult: ours });
    expect(await reservations(host.node)).toEqual([]);
    for (const name of ["a", "b"]) expect(await links(host.node, name)).toHaveLength(1);
  });

  test("a failed ADD of the reference leaves its interface, ours does not", async () => {
    await using world = await createWorld();
    const { host } = world;
    const reference = new Host(host.node, referencePlugin("macvlan"), referenceBin);
    const [a, b] = await host.pods("a", "b");
    const routes = [{ dst: "198.51.100.0/24", gw: "192.0.2.77" }];
    const wrong = { ...config, ipam: { ...(config["ipam"] as Keys), routes } };
    expect((await reference.call("ADD", a, wrong)).exitCode).not.toBe(0);
    expect(await links(host.node, "a")).toHaveLength(2);
    failed(await host.call("ADD", b, wrong), 7, /198\.51\.100\.0\/24/);
    expect(await links(host.node, "b")).toHaveLength(1);
  });
});
