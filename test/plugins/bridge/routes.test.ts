import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState, links, type Route, routes } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, type Keys, network, programs, subnet4, subnet6 } from "./host.ts";

const dual = (given: readonly Keys[]) =>
  network({ isGateway: true, ipam: hostLocal([subnet4, subnet6], { routes: given }) });

const routesWith = async (given: readonly Keys[], family: 4 | 6, table?: number): Promise<Route[]> => {
  await using host = await Host.create();
  const pod = await host.pod("a");
  const config = dual(given);
  const result = await host.add(pod, config);
  expect(result.routes).toEqual(given);
  // What ADD made, CHECK must find.
  await host.check(pod, config, result);
  return await routes(host.node, family, "a", table);
};

describe.runIf(canRun(...programs))("a route from IPAM", () => {
  test.each([
    [4, { dst: "192.168.0.0/16" }, { dst: "192.168.0.0/16", gateway: "10.1.0.1" }],
    [4, { dst: "192.168.0.0/16", gw: "10.1.0.9" }, { gateway: "10.1.0.9" }],
    [4, { dst: "0.0.0.0/0" }, { dst: "default", gateway: "10.1.0.1" }],
    [4, { dst: "192.168.0.0/16", mtu: 1300 }, { metrics: [{ mtu: 1300 }] }],
    [4, { dst: "192.168.0.0/16", advmss: 1111 }, { metrics: [{ advmss: 1111 }] }],
    [4, { dst: "192.168.0.0/16", mtu: 1300, advmss: 1111 }, { metrics: [{ mtu: 1300, advmss: 1111 }] }],
    [4, { dst: "192.168.0.0/16", priority: 77 }, { metric: 77 }],
    [4, { dst: "192.168.0.0/16", scope: 253 }, { scope: "253" }],
    [4, { dst: "0.0.0.0/0", gw: "0.0.0.0" }, { dst: "default", gateway: undefined }],
    [4, { dst: "192.168.0.0/16", gw: "0.0.0.0", priority: 7 }, { gateway: undefined, metric: 7 }],
    [6, { dst: "2001:db8::/32" }, { dst: "2001:db8::/32", gateway: "fd00:1::1" }],
    [6, { dst: "2001:db8::/32", gw: "::" }, { dst: "2001:db8::/32", gateway: undefined }],
    [6, { dst: "2001:db8::/32", gw: "fd00:1::9" }, { gateway: "fd00:1::9" }],
    [6, { dst: "::/0" }, { dst: "default", gateway: "fd00:1::1" }],
    [6, { dst: "2001:db8::/32", mtu: 1300, advmss: 1111 }, { metrics: [{ mtu: 1300, advmss: 1111 }] }],
    [6, { dst: "2001:db8::/32", priority: 77 }, { metric: 77 }],
  ] as const)("IPv%i %o is in the kernel so", async (family, given, expected) => {
    const held = await routesWith([given], family);
    expect(held).toEqual([{ ...held[0], dev: "eth0", ...expected }]);
  });

  test("with 0 for a value gets the kernel's", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const config = dual([{ dst: "192.168.0.0/16", mtu: 0, advmss: 0, priority: 0, table: 0 }]);
    await host.check(pod, config, await host.add(pod, config));
    const [held] = await routes(host.node, 4, "a");
    expect([held?.gateway, held?.metric, held?.metrics]).toEqual(["10.1.0.1", undefined, undefined]);
  });

  test("of scope link has no gateway", async () => {
    const [held] = await routesWith([{ dst: "192.168.0.0/16", scope: 253 }], 4);
    expect(held?.gateway).toBeUndefined();
  });

  test.each([
    [4, "192.168.0.0/16", 500],
    [6, "2001:db8::/32", 500],
    [4, "192.168.0.0/16", 70_000],
    [6, "2001:db8::/32", 70_000],
  ] as const)("IPv%i to %s goes into table %i, and not into main", async (family, dst, table) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const config = dual([{ dst, table }]);
    const result = await host.add(pod, config);
    expect(await routes(host.node, family, "a", table)).toHaveLength(1);
    expect(await routes(host.node, family, "a")).toEqual([]);
    await host.check(pod, config, result);
  });

  test("may come several times to one destination, by priority", async () => {
    const given = [
      { dst: "192.168.0.0/16", gw: "10.1.0.8", priority: 10 },
      { dst: "192.168.0.0/16", gw: "10.1.0.9", priority: 20 },
    ];
    expect((await routesWith(given, 4)).map(({ gateway, metric }) => [gateway, metric])).toEqual([
      ["10.1.0.8", 10],
      ["10.1.0.9", 20],
    ]);
  });

  test("given twice over is there once", async () => {
    const given = [{ dst: "192.168.0.0/16" }, { dst: "192.168.0.0/16" }];
    expect(await routesWith(given, 4)).toHaveLength(1);
  });

  test("may lead to the gateway of another one", async () => {
    const given = [
      { dst: "192.168.0.0/16", gw: "172.30.0.1" },
      { dst: "172.30.0.1/32", scope: 253 },
    ];
    expect((await routesWith(given, 4)).map(({ dst }) => dst).sort()).toEqual([
      "172.30.0.1",
      "192.168.0.0/16",
    ]);
  });

  test("that the kernel refuses fails ADD, and leaves nothing", async () => {
    await using host = await Host.create();
    const config = (gw: string) => dual([{ dst: "192.168.0.0/16", gw }]);
    await host.warmUp(config("10.1.0.9"));
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    failed(
      await host.call("ADD", pod, config("172.31.0.1")),
      7,
      /172\.31\.0\.1 of the route to 192\.168\.0\.0\/16 is in no network of eth0 \(10\.1\./,
    );
    expect(await hostState(host.node)).toEqual(before);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("to everywhere is found by CHECK beside that of another network", async () => {
    await using host = await Host.create();
    const first = await host.pod("a");
    const second = { ...first, ifname: "eth1" };
    const given = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
    const other = {
      name: "other",
      bridge: "br1",
      ipam: hostLocal(["10.9.0.0/24", "fd00:9::/64"], { routes: given }),
    };
    const one = dual(given);
    const two = { ...dual(given), ...other };
    const results = [await host.add(first, one), await host.add(second, two)] as const;
    await host.check(first, one, results[0]);
    await host.check(second, two, results[1]);
    await host.node.exec("ip", [
      "-n",
      "a",
      "-6",
      "route",
      "delete",
      "default",
      "via",
      "fd00:9::1",
      "dev",
      "eth1",
    ]);
    await host.check(first, one, results[0]);
    failed(await host.call("CHECK", second, { ...two, prevResult: results[1] }), 999, "the route to ::/0");
  });
});
