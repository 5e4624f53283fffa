import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { addresses, hostState, link, links, ports, sysctl, sysfs } from "../attachment/kernel-state.ts";
import { failed, Host, l2Network, network, programs } from "./host.ts";

describe.runIf(canRun(...programs))("the bridge device", () => {
  test("is called as the key bridge says, is up and has the container as its port", async () => {
    await using host = await Host.create();
    const result = await host.add(await host.pod("a"), network({ bridge: "my-br.0" }));
    const bridge = await link(host.node, "my-br.0");
    expect(bridge).toMatchObject({
      flags: expect.arrayContaining(["UP"]),
      linkinfo: { info_kind: "bridge" },
    });
    expect(await ports(host.node, "my-br.0")).toEqual([result.interfaces[1].name]);
    expect(result.interfaces[0]).toEqual({ name: "my-br.0", mac: bridge.address, mtu: bridge.mtu });
  });

  test("is called cni0 without the key, or with an empty one", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    if (a) await host.add(a, network({ bridge: undefined }));
    if (b) await host.add(b, network({ bridge: "" }));
    expect(await ports(host.node, "cni0")).toHaveLength(2);
  });

  test.each([
    ["gateway", network({ isGateway: true })],
    ["layer 2", l2Network()],
  ])("has a MAC address fixed at creation: %s", async (_kind, config) => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), config);
    expect(await sysfs(host.node, "br0", "addr_assign_type")).toBe("3");
    expect((await link(host.node, "br0")).address).toMatch(/^.[26ae]:/);
  });

  test.each([
    ["with a gateway", network({ isGateway: true })],
    ["without an address", l2Network()],
  ])("keeps its MAC address while ports come and go: %s", async (_kind, config) => {
    await using host = await Host.create();
    const pods = await host.pods("a", "b", "c");
    const seen = new Set<string>();
    for (const verb of ["add", "del", "add"] as const) {
      for (const pod of pods) {
        await host[verb](pod, config);
        seen.add((await link(host.node, "br0")).address);
      }
    }
    // A port with a lower address is what the kernel would take the bridge's address from.
    await host.node.exec("ip", ["link", "add", "low", "address", "02:00:00:00:00:01", "type", "veth"]);
    await host.node.exec("ip", ["link", "set", "low", "master", "br0"]);
    seen.add((await link(host.node, "br0")).address);
    expect([...seen]).toHaveLength(1);
  });

  test("keeps the MAC address of a bridge that the operator made, and fixes it", async () => {
    await using host = await Host.create();
    await host.node.exec("ip", ["link", "add", "br0", "address", "02:00:00:00:00:77", "type", "bridge"]);
    await host.add(await host.pod("a"), network({ isGateway: true }));
    expect((await link(host.node, "br0")).address).toBe("02:00:00:00:00:77");
    expect(await sysfs(host.node, "br0", "addr_assign_type")).toBe("3");
  });

  test("serves two networks at once", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, l2Network({ name: "one" }));
    await host.add(b, l2Network({ name: "two" }));
    await host.node.exec("ip", ["address", "add", "10.8.0.1/24", "dev", "eth0"], { netns: "a" });
    await host.node.exec("ip", ["address", "add", "10.8.0.2/24", "dev", "eth0"], { netns: "b" });
    expect(await ping(host.node, "10.8.0.2", { netns: "a" })).toBe(true);
  });

  test("is brought up again when an operator had it down", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, network());
    await host.node.exec("ip", ["link", "set", "br0", "down"]);
    const second = await host.add(b, network());
    expect((await link(host.node, "br0")).flags).toContain("UP");
    expect(await ping(host.node, second.ips[0].address.split("/")[0], { netns: "a" })).toBe(true);
  });

  test("is promiscuous with promiscMode, also when it was there before, and not without", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, network());
    expect((await link(host.node, "br0")).flags).not.toContain("PROMISC");
    await host.add(b, network({ promiscMode: true }));
    expect((await link(host.node, "br0")).flags).toContain("PROMISC");
  });

  test("does not take router advertisements, even where it was there before", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.node.exec("ip", ["link", "add", "old0", "type", "bridge"]);
    await host.add(a, network({ bridge: "old0", name: "old" }));
    await host.add(b, l2Network());
    expect(await sysctl(host.node, "ipv6/conf/old0/accept_ra")).toBe("0");
    expect(await sysctl(host.node, "ipv6/conf/br0/accept_ra")).toBe("0");
  });

  test("has no address unless isGateway is set", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), network());
    expect(await addresses(host.node, "br0")).toEqual([]);
  });
});

describe.runIf(canRun(...programs))("a name that another kind of link has", () => {
  test("is refused, and that link and the rest of the host stay as they are", async () => {
    await using host = await Host.create();
    await host.node.exec("ip", ["link", "add", "br0", "type", "veth", "peer", "name", "other"]);
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const error = failed(await host.call("ADD", pod, network()), 7, "br0");
    expect(error.msg).toContain("not a bridge");
    expect(await hostState(host.node)).toEqual(before);
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo"]);
  });
});
