import { describe, expect, test } from "vitest";
import { canRun, type Node, ping } from "../../helpers/index.ts";
import { hostState, type Link, link, links, sysctl } from "../attachment/kernel-state.ts";
import { failed, Host, type Keys, l2Network, network, programs } from "./host.ts";

const addressOf = (result: { ips: { address: string }[] }) => result.ips[0]?.address.split("/")[0] ?? "";

const attached = async (config: Keys, containerId = "id-a") => {
  const host = await Host.create();
  const pod = { ...(await host.pod("a")), containerId };
  const result = await host.add(pod, config);
  return { host, pod, result, port: await link(host.node, result.interfaces[1].name) };
};

describe.runIf(canRun(...programs))("the host's end of the pair", () => {
  test("has the same name whenever the same attachment is made, and no other attachment's", async () => {
    const { host, pod, result } = await attached(network());
    await using _host = host;
    const [other] = await host.pods("b");
    const names = [result.interfaces[1].name];
    const configs: [typeof pod, Keys][] = [
      [other, network()],
      [{ ...pod, ifname: "eth1" }, network()],
      [{ ...pod, ifname: "eth2" }, network({ name: "second" })],
    ];
    for (const [each, config] of configs) names.push((await host.add(each, config)).interfaces[1].name);
    expect(new Set(names).size).toBe(4);
    await host.del(pod, network());
    expect((await host.add(pod, network())).interfaces[1].name).toBe(names[0]);
  });

  test("does not mix up owners whose names run together the same", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const first = await host.add({ ...a, containerId: "bc" }, l2Network({ name: "a" }));
    const second = await host.add({ ...b, containerId: "c" }, l2Network({ name: "ab" }));
    expect(first.interfaces[1].name).not.toBe(second.interfaces[1].name);
  });

  test("says in words whose it is", async () => {
    const { host, port } = await attached(network({ name: "blue" }), "0123abc");
    await using _host = host;
    for (const word of ["blue", "0123abc", "eth0"]) expect(port.ifalias).toContain(word);
  });

  test("says whose it is also when the names are long, and still makes them out", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const aliases: string[] = [];
    for (const last of ["x", "y"]) {
      const containerId = `${"0123456789abcdef".repeat(15)}${last}`;
      const result = await host.add({ ...pod, containerId, ifname: `${last}23456789012345` }, l2Network());
      aliases.push((await link(host.node, result.interfaces[1].name)).ifalias ?? "");
    }
    expect(aliases[0]).toContain("0123456789abcdef0123456789abcdef");
    expect(new Set(aliases).size).toBe(2);
  });

  test("is the peer of the container's interface, up, and has no IPv6 of its own that a container could influence", async () => {
    const { host, port } = await attached(network());
    await using _host = host;
    const inside = await link(host.node, "eth0", "a");
    expect([port.link_index, inside.link_index]).toEqual([inside.ifindex, port.ifindex]);
    expect(port).toMatchObject({ master: "br0", flags: expect.arrayContaining(["UP", "LOWER_UP"]) });
    expect(port.linkinfo?.info_slave_data?.state).toBe("forwarding");
    expect(await sysctl(host.node, `ipv6/conf/${port.ifname}/disable_ipv6`)).toBe("1");
    const { stdout } = await host.node.exec("ip", ["-6", "address", "show", "dev", port.ifname]);
    expect(stdout).toBe("");
  });
});

describe.runIf(canRun(...programs))("hairpinMode", () => {
  test.each([
    [{ hairpinMode: true }, true],
    [{ hairpinMode: false }, false],
    [{}, false],
  ])("with %o the port sends frames back where they came from: %s", async (keys, expected) => {
    const { host, port } = await attached(network(keys));
    await using _host = host;
    expect(port.linkinfo?.info_slave_data?.hairpin).toBe(expected);
  });

  test("cannot be had together with promiscMode", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const run = await host.call("ADD", pod, network({ hairpinMode: true, promiscMode: true }));
    failed(run, 7, /hairpinMode.*promiscMode/);
    expect(await hostState(host.node)).toEqual(before);
  });
});

const pairOf = async (host: Host, config: Keys) => {
  const [a, b] = await host.pods("a", "b");
  return [await host.add(a, config), await host.add(b, config)] as const;
};

const canReach = (node: Node, address: string) => ping(node, address, { netns: "a", seconds: 2 });

describe.runIf(canRun(...programs))("portIsolation", () => {
  test("keeps containers from each other, and not from the gateway", async () => {
    await using host = await Host.create();
    const [, second] = await pairOf(host, network({ portIsolation: true, isGateway: true }));
    expect((await link(host.node, second.interfaces[1].name)).linkinfo?.info_slave_data?.isolated).toBe(true);
    expect(await canReach(host.node, "10.1.0.1")).toBe(true);
    expect(await canReach(host.node, addressOf(second))).toBe(false);
  });

  test("is off without the key", async () => {
    await using host = await Host.create();
    const [, second] = await pairOf(host, network({ isGateway: true }));
    expect((await link(host.node, second.interfaces[1].name)).linkinfo?.info_slave_data?.isolated).toBe(
      false,
    );
    expect(await canReach(host.node, addressOf(second))).toBe(true);
  });
});

describe.runIf(canRun(...programs))("disableContainerInterface", () => {
  const insideOf = async (config: Keys): Promise<Link> => {
    const { host } = await attached(config);
    await using _host = host;
    return await link(host.node, "eth0", "a");
  };

  test("leaves the container's interface down, and without it that is up", async () => {
    expect((await insideOf(l2Network({ disableContainerInterface: true }))).flags).not.toContain("UP");
    expect((await insideOf(l2Network())).flags).toContain("UP");
  });

  test("still passes CHECK and DEL, and the container may bring the interface up itself", async () => {
    const config = l2Network({ disableContainerInterface: true });
    const { host, pod, result } = await attached(config);
    await using _host = host;
    await host.check(pod, config, result);
    await host.node.exec("ip", ["link", "set", "eth0", "up"], { netns: "a" });
    await host.check(pod, config, result);
    await host.del(pod, config);
    expect(await links(host.node, "a")).toHaveLength(1);
  });

  test("cannot be had together with ipam", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    const run = await host.call("ADD", pod, network({ disableContainerInterface: true }));
    failed(run, 7, /disableContainerInterface.*ipam/);
    expect(await hostState(host.node)).toEqual(before);
  });
});
