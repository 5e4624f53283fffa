import { describe, expect, test } from "vitest";
import { canRun, ping, referenceBin } from "../../helpers/index.ts";
import {
  addresses,
  addressInfos,
  defaultRoutes,
  hostState,
  link,
  sysctl,
} from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs, subnet4, subnet6 } from "./host.ts";

const dual = (keys = {}) => network({ isGateway: true, ipam: hostLocal([subnet4, subnet6]), ...keys });

const bridge = "br0";

describe.runIf(canRun(...programs))("isGateway", () => {
  test("gives the bridge the gateway of every range, which containers reach", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), dual());
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.1/24", "fd00:1::1/64"]);
    expect(await ping(host.node, "10.1.0.1", { netns: "a" })).toBe(true);
    expect(await ping(host.node, "fd00:1::1", { netns: "a" })).toBe(true);
  });

  test("takes the gateway that the range names", async () => {
    await using host = await Host.create();
    const ipam = { type: "host-local", subnet: subnet4, gateway: "10.1.0.254" };
    const result = await host.add(await host.pod("a"), network({ isGateway: true, ipam }));
    expect(result.ips[0].gateway).toBe("10.1.0.254");
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.254/24"]);
  });

  test("takes the network's first address where IPAM names no gateway", async () => {
    await using host = await Host.create();
    const ipam = { type: "static", addresses: [{ address: "10.7.0.9/24" }] };
    const config = network({ isGateway: true, ipam, cniVersion: "1.0.0" });
    const result = await host.add(await host.pod("a"), config, { path: referenceBin });
    expect(result.ips).toEqual([{ address: "10.7.0.9/24", gateway: "10.7.0.1", interface: 2 }]);
    expect(await addresses(host.node, bridge)).toEqual(["10.7.0.1/24"]);
  });

  test("switches forwarding on for the families that have addresses, and for no other", async () => {
    await using host = await Host.create();
    await host.node.exec("sysctl", ["-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"]);
    const [a, b] = await host.pods("a", "b");
    await host.add(a, network({ isGateway: true }));
    expect(await sysctl(host.node, "ipv4/ip_forward")).toBe("1");
    expect(await sysctl(host.node, "ipv6/conf/all/forwarding")).toBe("0");
    await host.add(b, network({ isGateway: true, name: "six", bridge: "br6", ipam: hostLocal([subnet6]) }));
    expect(await sysctl(host.node, "ipv6/conf/all/forwarding")).toBe("1");
  });

  test("leaves forwarding off without it", async () => {
    await using host = await Host.create();
    await host.node.exec("sysctl", ["-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"]);
    await host.add(await host.pod("a"), dual({ isGateway: false }));
    expect(await sysctl(host.node, "ipv4/ip_forward")).toBe("0");
    expect(await sysctl(host.node, "ipv6/conf/all/forwarding")).toBe("0");
  });

  test("adds no default route by itself", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), dual());
    expect(await defaultRoutes(host.node, 4, "a")).toEqual([]);
    expect(await defaultRoutes(host.node, 6, "a")).toEqual([]);
  });
});

describe.runIf(canRun(...programs))("isDefaultGateway", () => {
  test("implies isGateway and adds one default route a family, in the result too", async () => {
    await using host = await Host.create();
    const config = dual({ isGateway: false, isDefaultGateway: true });
    const result = await host.add(await host.pod("a"), config);
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.1/24", "fd00:1::1/64"]);
    expect(await defaultRoutes(host.node, 4, "a")).toEqual(["via 10.1.0.1"]);
    expect(await defaultRoutes(host.node, 6, "a")).toEqual(["via fd00:1::1"]);
    expect(result.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "::/0", gw: "fd00:1::1" },
    ]);
  });

  test("adds one default route also where a family has two ranges", async () => {
    await using host = await Host.create();
    const ipam = hostLocal(["10.1.0.0/24", "10.2.0.0/24"]);
    await host.add(await host.pod("a"), network({ isDefaultGateway: true, ipam }));
    expect(await defaultRoutes(host.node, 4, "a")).toEqual(["via 10.1.0.1"]);
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.1/24", "10.2.0.1/24"]);
  });

  test("leaves a default route of IPAM with a gateway of its own alone", async () => {
    await using host = await Host.create();
    const ipam = hostLocal([subnet4], { routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.77" }] });
    await host.add(await host.pod("a"), network({ isDefaultGateway: true, ipam }));
    expect(await defaultRoutes(host.node, 4, "a")).toEqual(["via 10.1.0.77"]);
  });
});

describe.runIf(canRun(...programs))("a bridge that has another address", () => {
  const other = hostLocal(["10.9.0.0/24"]);

  const prepared = async () => {
    const host = await Host.create();
    await host.node.exec("ip", ["link", "add", bridge, "type", "bridge"]);
    await host.node.exec("ip", ["address", "add", "10.1.0.1/24", "dev", bridge]);
    await host.node.exec("ip", ["address", "add", "fd00:9::1/64", "nodad", "dev", bridge]);
    return host;
  };

  test("is refused, naming both addresses, and stays as it is", async () => {
    await using host = await prepared();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const run = await host.call("ADD", pod, network({ isGateway: true, ipam: other }));
    expect(failed(run, 7, "10.9.0.1/24").msg).toContain("10.1.0.1/24");
    const after = await hostState(host.node);
    expect({ ...after, files: [] }).toEqual({ ...before, files: [] });
  });

  test("is given the new one in place of the old with forceAddress", async () => {
    await using host = await prepared();
    await host.add(await host.pod("a"), network({ isGateway: true, ipam: other, forceAddress: true }));
    expect(await addresses(host.node, bridge)).toEqual(["10.9.0.1/24", "fd00:9::1/64"]);
    expect(await ping(host.node, "10.9.0.1", { netns: "a" })).toBe(true);
  });

  test("keeps its IPv6 addresses of other networks beside the gateway", async () => {
    await using host = await prepared();
    await host.add(await host.pod("a"), network({ isGateway: true, ipam: hostLocal([subnet6]) }));
    expect((await addresses(host.node, bridge)).sort()).toEqual([
      "10.1.0.1/24",
      "fd00:1::1/64",
      "fd00:9::1/64",
    ]);
  });

  test("refuses an overlapping IPv6 network, and replaces it with forceAddress", async () => {
    await using host = await prepared();
    const ipam = hostLocal(["fd00:9::/56"]);
    const pod = await host.pod("a");
    failed(await host.call("ADD", pod, network({ isGateway: true, ipam })), 7, "fd00:9::1/64");
    await host.add(pod, network({ isGateway: true, ipam, forceAddress: true }));
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.1/24", "fd00:9::1/56"]);
  });

  test("is left alone without isGateway", async () => {
    await using host = await prepared();
    await host.add(await host.pod("a"), network({ ipam: other, forceAddress: true }));
    expect(await addresses(host.node, bridge)).toEqual(["10.1.0.1/24", "fd00:9::1/64"]);
  });

  test("has the gateway twice over: the second container changes nothing", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, dual({ forceAddress: true }));
    const before = await addressInfos(host.node, bridge);
    await host.add(b, dual({ forceAddress: true }));
    expect(await addressInfos(host.node, bridge)).toEqual(before);
    expect((await link(host.node, bridge)).flags).toContain("UP");
  });
});
