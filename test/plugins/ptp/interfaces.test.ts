import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { addresses, addressInfos, link, links, routes, sysctl } from "../attachment/kernel-state.ts";
import { createWorld, fixed, Host, hostLocal, network, programs, staticIpam, withStatic } from "./host.ts";

const attached = async (config = network(), extras = {}) => {
  const host = await Host.create();
  const pod = await host.pod("a");
  const result = await host.add(pod, config, extras);
  const outer: string = result.interfaces[0].name;
  return { host, node: host.node, pod, result, outer, [Symbol.asyncDispose]: () => host.node.dispose() };
};

describe.runIf(canRun(...programs))("inside", () => {
  test("are the addresses, usable at once, and the gateway as the only neighbour", async () => {
    await using stage = await attached();
    expect(await addresses(stage.node, "eth0", "a")).toEqual(["10.1.0.2/24", "fd00:1::2/64"]);
    for (const info of await addressInfos(stage.node, "eth0", "a")) expect(info.tentative).toBeUndefined();
    const told = async (family: 4 | 6) =>
      (await routes(stage.node, family, "a")).map(({ dst, gateway, scope }) => [dst, gateway, scope]);
    expect((await told(4)).sort()).toEqual([
      ["10.1.0.0/24", "10.1.0.1", undefined],
      ["10.1.0.1", undefined, "253"],
      ["default", "10.1.0.1", undefined],
    ]);
    expect((await told(6)).map(([dst, gateway]) => [dst, gateway]).sort()).toEqual([
      ["default", "fd00:1::1"],
      ["fd00:1::/64", "fd00:1::1"],
      ["fd00:1::1", undefined],
    ]);
  });

  test("and outside, both ends know each other's MAC address", async () => {
    await using stage = await attached();
    const neighbours = async (dev: string, netns?: string) => {
      const options = netns === undefined ? {} : { netns };
      const args = ["-j", "neighbour", "show", "dev", dev];
      const all = await stage.node.execJson<{ dst: string; lladdr?: string }[]>("ip", args, options);
      return all.filter(({ dst }) => !dst.startsWith("fe80:")).map(({ dst, lladdr }) => `${dst} ${lladdr}`);
    };
    const [host, container] = stage.result.interfaces;
    expect((await neighbours("eth0", "a")).sort()).toEqual([`10.1.0.1 ${host.mac}`, `fd00:1::1 ${host.mac}`]);
    expect((await neighbours(stage.outer)).sort()).toEqual([
      `10.1.0.2 ${container.mac}`,
      `fd00:1::2 ${container.mac}`,
    ]);
  });

  test("are IPAM's routes with all they have", async () => {
    const given = [
      { dst: "0.0.0.0/0", mtu: 1300, advmss: 1200 },
      { dst: "192.0.2.0/24", gw: "10.1.0.1", priority: 7 },
      { dst: "198.51.100.0/24", table: 500 },
      { dst: "203.0.113.0/24", scope: 253 },
      { dst: "2001:db8::/32", gw: "fd00:1::1", mtu: 1400 },
    ];
    const ipam = hostLocal(["10.1.0.0/24", "fd00:1::/64"], { routes: given });
    await using stage = await attached(network({ ipam }));
    expect(stage.result.routes).toEqual(given);
    const v4 = await routes(stage.node, 4, "a");
    const find = (dst: string) => v4.find((route) => route.dst === dst);
    expect(find("default")).toMatchObject({ gateway: "10.1.0.1", metrics: [{ mtu: 1300, advmss: 1200 }] });
    expect(find("192.0.2.0/24")).toMatchObject({ gateway: "10.1.0.1", metric: 7 });
    expect(find("203.0.113.0/24")).toMatchObject({ scope: "253" });
    expect(find("203.0.113.0/24")?.gateway).toBeUndefined();
    expect(await routes(stage.node, 4, "a", 500)).toMatchObject([
      { dst: "198.51.100.0/24", gateway: "10.1.0.1" },
    ]);
    const v6 = await routes(stage.node, 6, "a");
    expect(v6.find(({ dst }) => dst === "2001:db8::/32")).toMatchObject({
      gateway: "fd00:1::1",
      metrics: [{ mtu: 1400 }],
    });
    await stage.host.check(stage.pod, network({ ipam }), stage.result);
  });

  test("router advertisements are not believed, nor on the host's end", async () => {
    await using stage = await attached();
    expect(await sysctl(stage.node, "ipv6/conf/eth0/accept_ra", "a")).toBe("0");
    expect(await sysctl(stage.node, `ipv6/conf/${stage.outer}/accept_ra`)).toBe("0");
    expect(await sysctl(stage.node, "ipv4/conf/eth0/arp_notify", "a")).toBe("1");
  });
});

describe.runIf(canRun(...programs))("on the host", () => {
  test("are the gateway's addresses, single ones, and single routes to the container", async () => {
    await using stage = await attached();
    expect(await addresses(stage.node, stage.outer)).toEqual(["10.1.0.1/32", "fd00:1::1/128"]);
    for (const [family, dst] of [
      ["-4", "10.1.0.2"],
      ["-6", "fd00:1::2"],
    ]) {
      const [route] = await stage.node.execJson<{ dst: string; dev: string }[]>("ip", [
        "-j",
        family ?? "",
        "route",
        "show",
        dst ?? "",
      ]);
      expect(route).toMatchObject({ dst, dev: stage.outer });
    }
  });

  test("says the interface whose it is", async () => {
    await using stage = await attached();
    const { ifalias, address } = await link(stage.node, stage.outer);
    expect(ifalias).toBe("podwire network=net container=id-a interface=eth0");
    expect(address).toBe(stage.result.interfaces[0].mac);
  });

  test.each([
    ["IPv4", ["10.1.0.0/24"], ["1", "0"]],
    ["IPv6", ["fd00:1::/64"], ["0", "1"]],
    ["both", ["10.1.0.0/24", "fd00:1::/64"], ["1", "1"]],
  ])("forwarding is on for the families of the network: %s", async (_name, subnets, wanted) => {
    await using stage = await attached(network({ ipam: hostLocal(subnets) }));
    const keys = ["ipv4/ip_forward", "ipv6/conf/all/forwarding"];
    expect(await Promise.all(keys.map((key) => sysctl(stage.node, key)))).toEqual(wanted);
  });

  test("IPv6 is switched on for the link where it is off", async () => {
    await using host = await Host.create();
    for (const key of ["default", "all"]) {
      await host.node.exec("sysctl", ["-w", `net.ipv6.conf.${key}.disable_ipv6=1`]);
    }
    const pod = await host.pod("a");
    await host.check(pod, network(), await host.add(pod, network()));
  });

  test("the node keeps the default route that it learned from a router", async () => {
    await using world = await createWorld();
    const { host, outside } = world;
    const replace = ["-6", "route", "replace", "default", "via", outside.address6];
    await host.node.exec("ip", [...replace, "dev", outside.uplink, "proto", "ra"]);
    await host.add(await host.pod("a"), network());
    expect(await sysctl(host.node, `ipv6/conf/${outside.uplink}/accept_ra`)).toBe("2");
  });
});

describe.runIf(canRun(staticIpam, ...programs))("without a gateway from IPAM", () => {
  test.each([
    ["10.1.0.9/32", "169.254.1.1"],
    ["10.1.0.9/24", "169.254.1.1"],
    ["fd00:1::9/128", "fe80::1"],
    ["fd00:1::9/64", "fe80::1"],
  ])("%s is routed through %s, which the result names", async (address, gateway) => {
    await using stage = await attached(fixed(address), withStatic);
    expect(stage.result.ips).toEqual([{ address, gateway, interface: 1 }]);
    const family = address.includes(":") ? 6 : 4;
    const shown = await routes(stage.node, family, "a");
    expect(shown.find(({ dst }) => dst === "default")).toMatchObject({ gateway });
    expect(shown.find(({ dst }) => dst === gateway)).toMatchObject({ dev: "eth0" });
  });

  test("a route to the gateway that IPAM gives is no trouble", async () => {
    const ipam = {
      type: "static",
      addresses: [{ address: "10.1.0.9/32" }],
      routes: [{ dst: "169.254.1.1/32" }, { dst: "0.0.0.0/0", gw: "169.254.1.1" }],
    };
    const config = network({ cniVersion: "1.0.0", ipam });
    await using stage = await attached(config, withStatic);
    expect(stage.result.routes).toEqual(ipam.routes);
    expect((await routes(stage.node, 4, "a")).map(({ dst }) => dst).sort()).toEqual([
      "169.254.1.1",
      "default",
    ]);
    await stage.host.check(stage.pod, config, stage.result, withStatic);
  });
});

describe.runIf(canRun(...programs))("mtu", () => {
  const mtus = async (host: Host, config: ReturnType<typeof network>) => {
    const result = await host.add(await host.pod("a"), config);
    const all = [(await link(host.node, "eth0", "a")).mtu];
    for (const { ifname, mtu } of await links(host.node)) if (ifname.startsWith("veth")) all.push(mtu);
    expect(result.interfaces.map(({ mtu }: { mtu: number }) => mtu)).toEqual(all);
    return all;
  };

  test.each([1280, 9000])("sets %i on both ends", async (mtu) => {
    await using world = await createWorld();
    expect(await mtus(world.host, network({ mtu }))).toEqual([mtu, mtu]);
  });

  test.each([{}, { mtu: 0 }])("takes the uplink's when the configuration has %o", async (keys) => {
    await using world = await createWorld();
    await world.host.node.exec("ip", ["link", "set", world.outside.uplink, "mtu", "1412"]);
    expect(await mtus(world.host, network(keys))).toEqual([1412, 1412]);
  });
});
