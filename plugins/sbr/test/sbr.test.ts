import { beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, ping, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, type Pod, succeeded } from "../../../test/plugins/attachment/host.ts";

// Two interfaces of one container, each on a bridge of its own. The second one is routed by its source addresses.

const network = (name: string, subnets: readonly string[], keys: Keys = {}): Keys => ({
  cniVersion: "1.0.0",
  name,
  type: "bridge",
  bridge: `br-${name}`,
  isGateway: true,
  ipam: {
    type: "host-local",
    ranges: subnets.map((subnet) => [{ subnet }]),
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
  ...keys,
});

const first = network("first", ["10.1.0.0/24", "fd00:1::/64"]);
const second = network("second", ["10.2.0.0/24", "fd00:2::/64"]);
const config: Keys = { cniVersion: "1.0.0", name: "second", type: "sbr" };

let host: Host;
let bridge: Host;
let pod: Pod;
let prevResult: Keys;

const show = async (...words: string[]) =>
  (await host.node.exec("ip", words, { netns: "a" })).stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
const rules = async () =>
  [...(await show("rule")), ...(await show("-6", "rule"))].filter((line) => /from [\df]/.test(line));
const routes = async (table: number | string, family = "-4") =>
  show(family, "route", "show", "table", String(table));
const state = async () => [await rules(), await routes("all"), await routes("all", "-6")];
const add = (keys: Keys = {}) => host.add(pod, { ...config, prevResult, ...keys });

const prepare = async () => {
  host = await Host.create("sbr");
  bridge = new Host(host.node, builtPlugin("bridge"));
  const inFirst = await bridge.pod("a");
  await bridge.add(inFirst, first);
  pod = { ...inFirst, ifname: "net1" };
  prevResult = await bridge.add(pod, second);
  return () => host.node.dispose();
};

describe.runIf(canRun("ip", "ping"))("sbr", () => {
  beforeEach(prepare);

  test("gives each address a table of its own, with its gateway; the main table keeps the first interface", async () => {
    const result = await add();
    expect(result).toEqual(prevResult);
    expect(await rules()).toEqual([
      expect.stringMatching(/from 10\.2\.0\.2 lookup 100 proto 113$/),
      expect.stringMatching(/from fd00:2::2 lookup 101 proto 113$/),
    ]);
    expect(await routes(100)).toEqual([
      expect.stringMatching(/^default via 10\.2\.0\.1 dev net1/),
      expect.stringMatching(/^10\.2\.0\.0\/24 dev net1/),
    ]);
    const v6 = await routes(101, "-6");
    expect(v6).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^default via fd00:2::1 dev net1/),
        expect.stringMatching(/^fd00:2::\/64 dev net1/),
      ]),
    );
    expect(v6).toHaveLength(2);
    expect((await routes("main")).filter((line) => line.includes("net1"))).toEqual([]);
    // Without the route of its link-local addresses, IPv6 finds no neighbours.
    expect((await routes("main", "-6")).filter((line) => line.includes("net1"))).toEqual([
      expect.stringMatching(/^fe80::\/64/),
    ]);
    await host.check(pod, config, result);
  });

  test("answers leave by the interface that was asked", async () => {
    await add();
    // The node asks from an address that both networks lead to; both interfaces must answer.
    for (const target of ["10.1.0.2", "10.2.0.2", "fd00:1::2", "fd00:2::2"])
      expect(await ping(host.node, target), target).toBe(true);
    const from = async (source: string, target: string) =>
      (await show("route", "get", target, "from", source)).join(" ");
    expect(await from("10.2.0.2", "198.51.100.1")).toContain("via 10.2.0.1 dev net1");
    expect(await from("10.1.0.2", "198.51.100.1")).toContain("via 10.1.0.1 dev eth0");
    expect(await from("fd00:2::2", "2001:db8::1")).toContain("via fd00:2::1 dev net1");
  });

  test("tables of two interfaces do not collide, nor with routes that have no rule", async () => {
    await host.node.exec("ip", ["route", "add", "198.51.100.0/24", "dev", "eth0", "table", "100"], {
      netns: "a",
    });
    await host.node.exec("ip", ["-6", "route", "add", "2001:db8::/64", "dev", "eth0", "table", "101"], {
      netns: "a",
    });
    await host.node.exec("ip", ["rule", "add", "fwmark", "9", "lookup", "103"], { netns: "a" });
    await add();
    const third = network("third", ["10.3.0.0/24"]);
    const other = { ...pod, ifname: "net2" };
    await host.add(other, { ...config, prevResult: await bridge.add(other, third) });
    expect((await rules()).map((line) => line.replace(/^.*from /, ""))).toEqual([
      "10.3.0.2 lookup 105 proto 113",
      "10.2.0.2 lookup 102 proto 113",
      "fd00:2::2 lookup 104 proto 113",
    ]);
  });

  test("takes back what it did when a step fails", async () => {
    const before = await state();
    // The kernel takes no gateway that is the container's own address.
    failed(
      await host.call("ADD", pod, { ...config, prevResult, gateways: ["fd00:2::2"] }),
      999,
      /::\/0 via fd00:2::2/,
    );
    expect(await state()).toEqual(before);
  });

  test("with a table that another program fills, makes the rules only", async () => {
    const main = await routes("main");
    const result = await add({ table: 777 });
    expect((await rules()).map((line) => line.replace(/^.*from /, ""))).toEqual([
      "10.2.0.2 lookup 777 proto 113",
      "fd00:2::2 lookup 777 proto 113",
    ]);
    expect(await routes("main")).toEqual(main);
    await host.check(pod, { ...config, table: 777 }, result);
    failed(
      await host.call("CHECK", pod, { ...config, table: 778, prevResult: result }),
      999,
      /from 10\.2\.0\.2 lookup 778 is missing/,
    );
    await host.del(pod, { ...config, table: 777 });
    expect(await rules()).toEqual([]);
  });

  test("uses the configured gateways, of the families that it names", async () => {
    await add({ gateways: ["10.2.0.99"] });
    expect((await routes(100))[0]).toMatch(/^default via 10\.2\.0\.99 dev net1/);
    expect((await routes(101, "-6")).join("\n")).toMatch(/default via fd00:2::1/);
  });

  test("with source hints, the routes to its own networks stay, and say their source", async () => {
    await add({ addSourceHints: true });
    const main = (await routes("main")).filter((line) => line.includes("net1"));
    expect(main).toEqual([expect.stringMatching(/^10\.2\.0\.0\/24 dev net1 .*src 10\.2\.0\.2/)]);
    expect(await routes(100)).toHaveLength(2);
  });

  test("a repeated ADD after a kill leaves one rule of each address", async () => {
    await add();
    // The main table has lost the routes by now.
    await host.check(pod, config, await add());
    expect(await rules()).toHaveLength(2);
  });

  test("leaves rules and tables of others alone, which lead from the same address", async () => {
    const inside = { netns: "a" };
    const ip = (text: string) => host.node.exec("ip", text.split(" "), inside);
    await ip("route add 198.51.100.0/24 dev net1 table 300");
    await ip("rule add from 10.2.0.2 fwmark 9 lookup 300");
    await ip("rule add from 10.2.0.2 to 192.0.2.0/24 lookup 300");
    await ip("rule add from 10.2.0.2 ipproto udp dport 53 lookup 300");
    await ip("rule add not from 10.2.0.2 lookup main");
    await ip("rule add from 10.2.0.2 lookup main protocol kernel");
    await ip("rule add from 10.2.0.2 lookup main");
    const before = await state();
    await host.check(pod, config, await add());
    await add();
    await host.del(pod, config);
    expect(await state()).toEqual(before);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    ["no previous plugin", { prevResult: undefined }, 7, /ADD needs prevResult/],
    ["three gateways", { gateways: ["10.2.0.1", "10.2.0.2", "fd00::1"] }, 7, /more than 2 entries/],
    ["two gateways of a family", { gateways: ["10.2.0.1", "10.2.0.2"] }, 7, /multiple IPv4 addresses/],
    ["a gateway that is no address", { gateways: ["ten"] }, 7, /invalid static gateway IP address: "ten"/],
    ["a table that is too small", { table: 0 }, 7, /"table" is 0/],
    [
      "a result without addresses",
      { prevResult: { cniVersion: "1.0.0", interfaces: [] } },
      7,
      /No IP addresses supplied/,
    ],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    const before = await state();
    failed(await host.call("ADD", pod, { ...config, prevResult, ...keys }), code, words);
    expect(await state()).toEqual(before);
  });

  test("CHECK names what is missing", async () => {
    const result = await add();
    await host.node.exec("ip", ["route", "delete", "default", "table", "100"], { netns: "a" });
    await host.node.exec("ip", ["-6", "rule", "delete", "from", "fd00:2::2"], { netns: "a" });
    const run = await host.call("CHECK", pod, { ...config, prevResult: result });
    failed(
      run,
      999,
      /table 100 of 10\.2\.0\.2 has no default route via 10\.2\.0\.1.*rule from fd00:2::2 is missing/s,
    );
  });

  test("DEL removes the rules, with the interface or without it, and needs no namespace", async () => {
    const result = await add();
    await host.del(pod, config);
    expect(await rules()).toEqual([]);
    await add();
    await host.node.exec("ip", ["link", "delete", "net1"], { netns: "a" });
    await host.del(pod, { ...config, prevResult: result });
    expect(await rules()).toEqual([]);
    await host.del({ ...pod, netns: "" }, config);
    await host.del({ ...pod, netns: "/run/netns/gone" }, config);
    expect((await host.node.exec("ls", ["/run/netns"])).stdout).not.toContain("gone");
    succeeded(await host.call("STATUS", undefined, { ...config, cniVersion: "1.1.0" }));
  });
});

describe.runIf(canRun("ip"))("sbr, with a path that leads to another container by now,", () => {
  beforeEach(prepare);

  test("leaves that one's rules alone", async () => {
    await add();
    const former = prevResult;
    await host.node.deleteNetns("a");
    const next = { ...(await bridge.pod("a")), containerId: "id-next", ifname: "net1" };
    const result = await host.add(next, { ...config, prevResult: await bridge.add(next, second) });
    const before = await state();
    await host.del(pod, { ...config, prevResult: former });
    await host.del(pod, config);
    expect(await state()).toEqual(before);
    await host.check(next, config, result);
  });
});

describe.runIf(canRun("ip", referencePlugin("sbr")))("beside the reference plugin", () => {
  beforeEach(prepare);

  test("its rules go with our DEL, and ours with its", async () => {
    const reference = new Host(host.node, referencePlugin("sbr"), referenceBin);
    for (const [maker, remover] of [
      [reference, host],
      [host, reference],
    ] as const) {
      await maker.add(pod, { ...config, prevResult });
      expect(await rules()).toHaveLength(2);
      await remover.del(pod, { ...config, prevResult });
      expect(await rules()).toEqual([]);
      await bridge.del(pod, second);
      prevResult = await bridge.add(pod, second);
    }
  });
});
