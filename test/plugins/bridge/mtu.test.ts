import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createOutside, type Node, ping } from "../../helpers/index.ts";
import { Host as AnyHost } from "../attachment/host.ts";
import { hostState, link } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, type Keys, network, programs, subnet4, subnet6 } from "./host.ts";

/** The MTU of the container's end, the host's end and the bridge, as the kernel has them. */
const mtus = async (host: Host, config: Keys): Promise<number[]> => {
  const result = await host.add(await host.pod("a"), config);
  const all = [
    (await link(host.node, "eth0", "a")).mtu,
    (await link(host.node, result.interfaces[1].name)).mtu,
    (await link(host.node, "br0")).mtu,
  ];
  expect(result.interfaces.map(({ mtu }: { mtu: number }) => mtu)).toEqual(all.toReversed());
  return all;
};

describe.runIf(canRun(...programs))("mtu", () => {
  test.each([68, 1280, 1400, 9000, 65535])("sets %i on both ends and on a new bridge", async (mtu) => {
    await using host = await Host.create();
    expect(await mtus(host, network({ mtu }))).toEqual([mtu, mtu, mtu]);
  });

  test.each([[{}], [{ mtu: 0 }]])("takes the uplink's when the configuration has %o", async (keys) => {
    await using host = await Host.create();
    await using _outside = await createOutside(host.node, { mtu: 1412 });
    expect(await mtus(host, network(keys))).toEqual([1412, 1412, 1412]);
  });

  test("takes the uplink's on a node that has only an IPv6 way out", async () => {
    await using host = await Host.create();
    await using _outside = await createOutside(host.node, { mtu: 1390 });
    await host.node.exec("ip", ["-4", "route", "del", "default"]);
    expect(await mtus(host, network())).toEqual([1390, 1390, 1390]);
  });

  test("is 1280 for IPv6 addresses where the uplink has less", async () => {
    await using host = await Host.create();
    await using outside = await createOutside(host.node);
    await host.node.exec("ip", ["link", "set", outside.uplink, "mtu", "1200"]);
    const dual = network({ isGateway: true, ipam: hostLocal([subnet4, subnet6]) });
    expect(await mtus(host, dual)).toEqual([1280, 1280, 1280]);
    for (const gateway of ["10.1.0.1", "fd00:1::1"]) {
      expect(await ping(host.node, gateway, { netns: "a" })).toBe(true);
    }
    const ptp = new AnyHost(host.node, builtPlugin("ptp"));
    const result = await ptp.add(await host.pod("b"), {
      ...dual,
      name: "two",
      type: "ptp",
      ipam: hostLocal(["10.2.0.0/24", "fd00:2::/64"]),
    });
    expect(result.interfaces.map(({ mtu }: { mtu: number }) => mtu)).toEqual([1280, 1280]);
    expect(await ping(host.node, "fd00:2::1", { netns: "b" })).toBe(true);
  });

  test("is the uplink's for IPv4 addresses, however small", async () => {
    await using host = await Host.create();
    await using outside = await createOutside(host.node);
    await host.node.exec("ip", ["link", "set", outside.uplink, "mtu", "1200"]);
    expect(await mtus(host, network())).toEqual([1200, 1200, 1200]);
  });

  test("is preferred to the uplink's when given", async () => {
    await using host = await Host.create();
    await using _outside = await createOutside(host.node, { mtu: 1412 });
    expect(await mtus(host, network({ mtu: 1300 }))).toEqual([1300, 1300, 1300]);
  });

  test("is 1500 on a node without a way out", async () => {
    await using host = await Host.create();
    expect(await mtus(host, network())).toEqual([1500, 1500, 1500]);
  });

  test.each([
    [
      "the node has an address that was asked for",
      (node: Node) => node.exec("ip", ["address", "add", "192.0.2.1/32", "dev", "lo"]),
    ],
    [
      "the default route ends at lo",
      (node: Node) => node.exec("ip", ["route", "add", "default", "dev", "lo"]),
    ],
    [
      "the default route is unreachable",
      (node: Node) => node.exec("ip", ["route", "add", "unreachable", "default"]),
    ],
  ])("is never lo's: %s", async (_case, prepare) => {
    await using host = await Host.create();
    await prepare(host.node);
    expect(await mtus(host, network())).toEqual([1500, 1500, 1500]);
  });

  test.each([67, -1, 65536, 1e9])("refuses %i before anything is changed", async (mtu) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, network({ mtu })), 7, "mtu");
    expect(await hostState(host.node)).toEqual(before);
  });

  test("lets a container on an old bridge have the size it can really send", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const config = (mtu: number) => network({ mtu, isGateway: true });
    await host.add(a, config(1400));
    const second = await host.add(b, config(1300));
    expect((await link(host.node, "eth0", "a")).mtu).toBe(1400);
    expect((await link(host.node, "eth0", "b")).mtu).toBe(1300);
    // The smaller one never has to take what it could not: full frames pass in both directions.
    const address = second.ips[0].address.split("/")[0];
    const args = ["-n", "-c", "1", "-W", "3", "-M", "do", "-s", String(1300 - 28), address];
    await host.node.exec("ping", args, { netns: "a" });
  });
});
