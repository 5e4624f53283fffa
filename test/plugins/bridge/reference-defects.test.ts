/** What the reference bridge plugin gets wrong, each shown not to happen here. More is in the tests of each subject. */
import { describe, expect, test } from "vitest";
import { canRun, createOutside, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import {
  addressInfos,
  defaultRoutes,
  hostState,
  link,
  links,
  reservations,
  routes,
} from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, l2Network, network, programs, subnet4, subnet6 } from "./host.ts";

const masqueraded = network({ isDefaultGateway: true, ipMasq: true, macspoofchk: true });

const elements = async (host: Host) => {
  const { ipsets, nftables } = await hostState(host.node);
  return [...ipsets, ...nftables].filter((line) => /^add |elements = /.test(line));
};

describe.runIf(canRun(...programs))("no failed ADD over", () => {
  test.each([
    [4, subnet4, "0.0.0.0/0", "via 10.1.0.1"],
    [6, subnet6, "::/0", "via fd00:1::1"],
  ] as const)(
    "a default route given twice, by isDefaultGateway and by IPAM without gateway: IPv%i",
    async (family, subnet, dst, expected) => {
      await using host = await Host.create();
      const pod = await host.pod("a");
      const config = network({ isDefaultGateway: true, ipam: hostLocal([subnet], { routes: [{ dst }] }) });
      const result = await host.add(pod, config);
      expect(await defaultRoutes(host.node, family, "a")).toEqual([expected]);
      expect(result.routes).toHaveLength(1);
      await host.check(pod, config, result);
    },
  );

  test("a bridge without a MAC address, after a network of layer 2 lost its last port", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, l2Network());
    await host.del(a, l2Network());
    await host.add(b, masqueraded);
    expect(await ping(host.node, "10.1.0.1", { netns: "b" })).toBe(true);
  });

  test("a bridge without a MAC address that the reference plugin, or a port, left so", async () => {
    await using host = await Host.create();
    await host.node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
    await host.node.exec("ip", ["link", "add", "p0", "type", "veth", "peer", "name", "p1"]);
    await host.node.exec("ip", ["link", "set", "p0", "master", "br0"]);
    await host.node.exec("ip", ["link", "del", "p0"]);
    const pod = await host.pod("a");
    const result = await host.add(pod, masqueraded);
    expect(result.interfaces[0].mac).toBe((await link(host.node, "br0")).address);
    expect(result.interfaces[0].mac).not.toBe("00:00:00:00:00:00");
    await host.check(pod, masqueraded, result);
  });

  test.each([
    ["IP", "IP=10.1.0.77"],
    ["MAC", "MAC=02:00:00:00:00:77"],
    ["both, with a semicolon at the end", "IP=10.1.0.77;MAC=02:00:00:00:00:77;"],
    ["an equals sign in a value", "IgnoreUnknown=1;K8S_POD_NAME=a=b;IP=10.1.0.77"],
  ])("CNI_ARGS that only the other of bridge and IPAM knows: %s", async (_case, args) => {
    await using host = await Host.create();
    const result = await host.add(await host.pod("a"), network(), { args });
    if (args.includes("IP=")) expect(result.ips[0].address).toBe("10.1.0.77/24");
    if (args.includes("MAC=")) expect(result.interfaces[2].mac).toBe("02:00:00:00:00:77");
  });
});

describe.runIf(canRun(...programs))("a failed ADD leaves", () => {
  test("no veth pair in the container, and no reservation, when a route is refused", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const ipam = hostLocal([subnet4], { routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.9" }] });
    failed(await host.call("ADD", pod, network({ ipam })), 7, "192.0.2.0/24");
    expect(await links(host.node, "a")).toHaveLength(1);
    expect(await links(host.node)).toHaveLength(1);
    expect(await reservations(host.node)).toEqual([]);
    await host.add(pod, network());
  });

  test("no bridge when the namespace cannot be opened", async () => {
    await using host = await Host.create();
    const pod = { ...(await host.pod("a")), netns: "/run/netns/none" };
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, masqueraded), 8, "/run/netns/none");
    expect(await hostState(host.node)).toEqual(before);
  });

  test("nothing of an attachment to the plugin's own namespace: it is refused before work, in one JSON document", async () => {
    await using host = await Host.create();
    const pod = { ...(await host.pod("a")), netns: "/proc/self/ns/net" };
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, masqueraded), 8, /same/);
    expect(await hostState(host.node)).toEqual(before);
  });

  test("the container's first attachment as it was when it is the second of that name", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const result = await host.add(pod, masqueraded);
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, masqueraded), 4, "eth0");
    failed(await host.call("ADD", { ...pod, containerId: "other" }, masqueraded), 4, "eth0");
    expect(await hostState(host.node)).toEqual(before);
    await host.check(pod, masqueraded, result);
  });
});

describe.runIf(canRun(...programs))("no rules are left by DEL", () => {
  test.each([
    ["the namespace is gone", (host: Host) => host.node.deleteNetns("a")],
    [
      "the interface is gone before",
      (host: Host) => host.node.exec("ip", ["-n", "a", "link", "del", "eth0"]),
    ],
    [
      "the addresses are gone before",
      (host: Host) => host.node.exec("ip", ["-n", "a", "address", "flush", "dev", "eth0"]),
    ],
  ])("of masquerade and spoof check when %s", async (_case, spoil) => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.add(pod, masqueraded);
    expect((await elements(host)).length).toBeGreaterThan(0);
    await spoil(host);
    await host.del(pod, masqueraded);
    expect(await elements(host)).toEqual([]);
  });

  test("when IPAM fails: everything else is done, and the error is said", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.add(pod, masqueraded);
    const broken = { ...masqueraded, ipam: { type: "missing-ipam" } };
    failed(await host.call("DEL", pod, broken), 5, "missing-ipam");
    expect(await elements(host)).toEqual([]);
    expect(await links(host.node, "a")).toHaveLength(1);
    await host.del(pod, masqueraded);
    expect(await reservations(host.node)).toEqual([]);
  });
});

describe.runIf(canRun(...programs))("two attachments are not taken for one", () => {
  test("when they are two interfaces of one container on one network: both are masqueraded, and each goes alone", async () => {
    await using host = await Host.create();
    await using outside = await createOutside(host.node);
    await startEcho(outside, 80);
    const pod = await host.pod("a");
    const second = { ...pod, ifname: "eth1" };
    const config = { ...masqueraded, isDefaultGateway: false, isGateway: true };
    const kept = await host.add(second, config);
    await host.add(pod, masqueraded);
    await host.del(pod, masqueraded);
    await host.node.exec("ip", ["-n", "a", "route", "add", "default", "via", "10.1.0.1"]);
    expect(await seenAddress(host.node, outside.address4, 80, { netns: "a" })).toBe(outside.nodeAddress4);
    await host.check(second, config, kept);
  });

  test("when network and container, run together, are the same text", async () => {
    await using host = await Host.create();
    const [a, b] = await host.pods("a", "b");
    const first = { ...a, containerId: "bc" };
    const second = { ...b, containerId: "c" };
    const ab = { ...masqueraded, name: "ab", bridge: "br1", ipam: hostLocal(["10.2.0.0/24"]) };
    await host.add(first, { ...masqueraded, name: "a" });
    const kept = await host.add(second, ab);
    await host.del(first, { ...masqueraded, name: "a" });
    await host.check(second, ab, kept);
  });
});

describe.runIf(canRun(...programs))("ADD does not", () => {
  test("ignore mtu and advmss of routes", async () => {
    await using host = await Host.create();
    const ipam = hostLocal([subnet4], {
      routes: [{ dst: "192.0.2.0/24", gw: "10.1.0.1", mtu: 1300, advmss: 1200 }],
    });
    await host.add(await host.pod("a"), network({ ipam }));
    expect((await routes(host.node, 4, "a"))[0]?.metrics).toEqual([{ mtu: 1300, advmss: 1200 }]);
  });

  test("wait for duplicate address detection", async () => {
    await using host = await Host.create();
    await host.add(await host.pod("a"), network({ isGateway: true, ipam: hostLocal([subnet6]) }));
    expect((await addressInfos(host.node, "eth0", "a"))[0]).toMatchObject({ nodad: true });
  });

  test("take an unknown ipMasqBackend until everything else is done", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const before = await hostState(host.node);
    failed(await host.call("ADD", pod, { ...masqueraded, ipMasqBackend: "x" }), 7, "ipMasqBackend");
    expect(await hostState(host.node)).toEqual(before);
  });
});

describe.runIf(canRun(...programs))("CHECK does not", () => {
  test("fail on every network of layer 2", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    await host.check(pod, l2Network(), await host.add(pod, l2Network()));
  });

  test("pass when the nat rules are flushed", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const prevResult = await host.add(pod, masqueraded);
    await host.node.exec("nft", ["flush", "table", "inet", "podwire"]);
    failed(await host.call("CHECK", pod, { ...masqueraded, prevResult }), 999);
  });

  test("fail when a route of the result is in a table other than main", async () => {
    await using host = await Host.create();
    const pod = await host.pod("a");
    const config = network({ ipam: hostLocal([subnet4], { routes: [{ dst: "192.0.2.0/24", table: 500 }] }) });
    await host.check(pod, config, await host.add(pod, config));
  });
});
