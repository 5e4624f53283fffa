import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { type IpLink, ipLink, newBridge } from "./ip-link.ts";
import { doOnNode, onNode, witness } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

describe.runIf(canRun("ip"))("a bridge", () => {
  test("is made with the address and the MTU that are asked for, in one message", async () => {
    await doOnNode(node, newBridge);
    expect(await ipLink(node, "br0")).toMatchObject({
      address: "02:00:00:00:00:01",
      mtu: 1400,
      linkinfo: { info_kind: "bridge" },
    });
    const links = await witness(node, "getLinks");
    const br0 = links.find(({ attrs }) => attrs["ifname"] === "br0");
    expect(br0?.attrs).toMatchObject({ address: "020000000001", mtu: 1400 });
  });

  test("keeps that address when ports come that have lower ones", async () => {
    await doOnNode(node, newBridge);
    const low = ["name", "v0", "address", "00:00:00:00:00:02", "master", "br0"];
    await node.exec("ip", ["link", "add", ...low, "type", "veth"]);
    expect((await ipLink(node, "br0"))?.address).toBe("02:00:00:00:00:01");
  });

  test("whose name is taken is refused, in words that say what was tried", async () => {
    await doOnNode(node, newBridge);
    const refused = await onNode(node, `say(failure(() => { ${newBridge} }));`);
    expect(refused).toEqual({
      name: "NetlinkError",
      errno: 17,
      message: "could not create the bridge br0: already exists",
    });
  });
});

describe.runIf(canRun("ip"))("gratuitous ARP", () => {
  test.each([
    [true, "1"],
    [false, "0"],
  ])("of one link is switched on or off: %s", async (on, value) => {
    await doOnNode(node, newBridge);
    const key = "/proc/sys/net/ipv4/conf/br0/arp_notify";
    await node.exec("sh", ["-c", `echo ${on ? 0 : 1} > ${key}`]);
    await doOnNode(node, `host.execute(setArpNotify(links.findLink(host, "br0").index, ${on}));`);
    expect((await node.exec("cat", [key])).stdout).toBe(value);
  });
});

describe.runIf(canRun("ip"))("a veth pair", () => {
  const pair = `
    const namespace = openNamespace("/run/netns/c");
    const { index } = links.findLink(host, "br0");
    const bodies = host.execute(newVethPair({
      host: { name: "veth0", mac: mac(2) }, container: { name: "eth0", mac: mac(3) },
      namespace: namespace.descriptor, mtu: 1300, master: index }));`;

  test("is made with each end in its place, addresses, MTU and bridge set", async () => {
    await node.addNetns("c");
    await doOnNode(node, `${newBridge}\n${pair}`);
    expect(await ipLink(node, "veth0")).toMatchObject({
      address: "02:00:00:00:00:02",
      mtu: 1300,
      master: "br0",
    });
    expect(await ipLink(node, "eth0", "c")).toMatchObject({ address: "02:00:00:00:00:03", mtu: 1300 });
    expect(await ipLink(node, "eth0")).toBeUndefined();
  });

  test("comes back as the kernel made it", async () => {
    await node.addNetns("c");
    const read = await onNode<IpLink[]>(node, `${newBridge}\n${pair}\nsay(bodies.map(links.readLink));`);
    const made = await ipLink(node, "veth0");
    expect(read).toMatchObject([{ name: "veth0", index: made?.ifindex, mtu: 1300, kind: "veth" }]);
  });

  test("that is dormant is no port that forwards, whatever its ends and time do, until it is awake", async () => {
    await doOnNode(node, newBridge);
    const dormant = `host.execute(newVethPair({
      host: { name: "v0", mac: mac(2) }, container: { name: "v1", mac: mac(3) }, mtu: 1400,
      master: links.findLink(host, "br0").index, isDormant: true }));`;
    await doOnNode(node, dormant);
    const state = async () => (await ipLink(node, "v0"))?.linkinfo?.info_slave_data?.["state"];
    for (const link of ["br0", "v0", "v1"]) {
      await node.exec("ip", ["link", "set", link, "up"]);
      expect(await state()).toBe("disabled");
    }
    // The kernel's work queue has looked at the carrier by then.
    await expect.poll(async () => (await ipLink(node, "v0"))?.operstate).toBe("DORMANT");
    expect(await state()).toBe("disabled");
    const wake = 'const port = links.findLink(host, "v0"); host.execute(wakeLink(port));';
    await doOnNode(node, wake);
    expect(await state()).toBe("forwarding");
    expect(await ipLink(node, "v0")).toMatchObject({ operstate: "UP", linkmode: "DEFAULT" });
  });

  test("that is awake before it has a carrier forwards as soon as it has one", async () => {
    await doOnNode(node, newBridge);
    await doOnNode(
      node,
      `host.execute(newVethPair({
        host: { name: "v0", mac: mac(2) }, container: { name: "v1", mac: mac(3) }, mtu: 1400,
        master: links.findLink(host, "br0").index, isDormant: true }),
        links.setLink({ name: "br0" }, { up: true }), links.setLink({ name: "v0" }, { up: true }));
       host.execute(wakeLink(links.findLink(host, "v0")), links.setLink({ name: "v1" }, { up: true }));`,
    );
    await expect
      .poll(async () => (await ipLink(node, "v0"))?.linkinfo?.info_slave_data?.["state"])
      .toBe("forwarding");
  });

  test("has addresses that the kernel takes for set, so that no other program sets them", async () => {
    await node.addNetns("c");
    await doOnNode(node, `${newBridge}\n${pair}`);
    // NET_ADDR_SET of include/uapi/linux/netdevice.h.
    for (const [link, netns] of [["veth0"], ["eth0", "c"]] as const) {
      const options = netns === undefined ? {} : { netns };
      const read = ["-c", `mount -t sysfs sysfs /sys; cat /sys/class/net/${link}/addr_assign_type`];
      expect((await node.exec("unshare", ["-m", "sh", ...read], options)).stdout, link).toBe("3");
    }
  });

  test("is not made at all when the name inside is taken", async () => {
    await node.addNetns("c");
    await node.exec("ip", ["link", "add", "eth0", "type", "bridge"], { netns: "c" });
    const refused = await onNode(node, `${newBridge}\nsay(failure(() => { ${pair} }));`);
    expect(refused).toMatchObject({ errno: 17 });
    expect(await ipLink(node, "veth0")).toBeUndefined();
  });
});

describe.runIf(canRun("ip"))("a link", () => {
  const changes: [string, string, object][] = [
    ["up", "{ up: true }", { flags: expect.arrayContaining(["UP"]) }],
    ["MTU", "{ mtu: 1280 }", { mtu: 1280 }],
    ["MAC address", "{ mac: mac(9) }", { address: "02:00:00:00:00:09" }],
    ["alias", '{ alias: "caf\u00e9 \\u2615" }', { ifalias: "caf\u00e9 \u2615" }],
    ["long alias", '{ alias: "x".repeat(200) }', { ifalias: "x".repeat(200) }],
    ["promiscuity", "{ promiscuous: true }", { promiscuity: 1 }],
    ["master", '{ master: links.findLink(host, "br0").index }', { master: "br0" }],
  ];

  test.each(changes)("has its %s set, by index and by name", async (_, change, expected) => {
    for (const target of ['{ index: links.findLink(host, "v0").index }', '{ name: "v0" }']) {
      await using fresh = await createNode();
      node = fresh;
      await doOnNode(fresh, newBridge);
      await fresh.exec("ip", ["link", "add", "v0", "type", "veth", "peer", "v1"]);
      await doOnNode(fresh, `host.execute(links.setLink(${target}, ${change}));`);
      expect(await ipLink(node, "v0"), target).toMatchObject(expected);
    }
  });

  test("has all that is set at once, and loses nothing that is not named", async () => {
    await doOnNode(node, newBridge);
    await doOnNode(
      node,
      'host.execute(links.setLink({ name: "br0" }, { up: true, promiscuous: true, alias: "a" }));',
    );
    await doOnNode(node, 'host.execute(links.setLink({ name: "br0" }, { promiscuous: false }));');
    const link = await ipLink(node, "br0");
    expect(link).toMatchObject({ ifalias: "a", promiscuity: 0, mtu: 1400 });
    expect(link?.flags).toContain("UP");
    expect(link?.flags).not.toContain("PROMISC");
  });

  test("is found by name and by index, or is undefined", async () => {
    await doOnNode(node, newBridge);
    const found = await onNode(
      node,
      `const { index } = links.findLink(host, "br0");
       say([links.findLinkByIndex(host, index).name, links.findLink(host, "nope") ?? null, links.findLinkByIndex(host, 999) ?? null]);`,
    );
    expect(found).toEqual(["br0", null, null]);
  });

  test("is deleted by name and by index, and is refused with ENODEV when it is gone", async () => {
    await doOnNode(node, newBridge);
    const second = await onNode(
      node,
      `host.execute(links.deleteLink({ index: links.findLink(host, "br0").index }));
       say([host.attempt(links.deleteLink({ name: "br0" }), 19)?.message, failure(() => host.execute(links.deleteLink({ name: "br0" })))]);`,
    );
    expect(await ipLink(node, "br0")).toBeUndefined();
    expect(second).toEqual([
      "could not delete the interface br0: no such device",
      { name: "NetlinkError", errno: 19, message: "could not delete the interface br0: no such device" },
    ]);
  });

  test("is listed beside all others, as ip(8) and the package netlink list them", async () => {
    await doOnNode(node, newBridge);
    await node.exec("ip", ["link", "add", "v0", "master", "br0", "type", "veth", "peer", "v1"]);
    const ours = await onNode<{ index: number; name: string; mac: string; mtu: number; peer: number }[]>(
      node,
      "say(links.listLinks(host));",
    );
    const summary = ours.map(({ index, name, mac, mtu }) => ({ index, name, mac, mtu }));
    const ip = await node.execJson<IpLink[]>("ip", ["-d", "-j", "link"]);
    expect(summary).toEqual(
      ip.map((each) => ({ index: each.ifindex, name: each.ifname, mac: each.address, mtu: each.mtu })),
    );
    const theirs = await witness(node, "getLinks");
    expect(ours.map(({ name }) => name)).toEqual(theirs.map(({ attrs }) => attrs["ifname"]));
    const index = (name: string) => ours.find((link) => link.name === name)?.index;
    expect(ours.find(({ name }) => name === "v0")?.peer).toBe(index("v1"));
  });
});
