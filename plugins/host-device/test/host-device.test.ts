import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../../test/helpers/index.ts";
import { failed, type Keys, succeeded } from "../../../test/plugins/attachment/host.ts";
import { addresses, link, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { namespaceStates } from "../../../test/plugins/attachment/netns-states.ts";
import { callTraced } from "../../../test/plugins/attachment/started-programs.ts";
import { bare, createWorld, far, identity, mac, names, network } from "./world.ts";

// test/shared/attachment/moved-devices.test.ts says how a device comes back, ./scenarios.ts what only hardware shows.

const noDispose = async () => {};
const programs = ["ip", "ping", "iptables-save", "nft", "ipset"] as const;

describe.runIf(canRun(...programs))("host-device ADD", () => {
  test("gives the device to the container with its MAC address and MTU, up and with addresses", async () => {
    await using host = await createWorld();
    const { node } = host;
    await node.exec("ip", ["link", "set", "up0", "mtu", "1400"]);
    const [a, b] = await host.pods("a", "b");
    const result = await host.add(a, network());
    expect(result).toMatchObject({
      interfaces: [{ name: "eth0", mac, mtu: 1400, sandbox: a.netns }],
      ips: [
        { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 },
        { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 0 },
      ],
    });
    expect(await names(node)).toEqual(["lo"]);
    expect(await addresses(node, "eth0", "a")).toEqual(["10.1.0.2/24", "fd00:1::2/64"]);
    for (const target of [far.address4, far.address6])
      expect(await ping(node, target, { netns: "a" }), target).toBe(true);
    await host.check(a, network(), result);
    await host.del(a, network());
    const back = await link(node, "up0");
    expect(identity(back)).toEqual({ ifname: "up0", address: mac, mtu: 1400 });
    expect(back.flags).not.toContain("UP");
    expect(await reservations(node)).toEqual([]);
    // The next container has it, though it is down.
    await host.add(b, network());
    expect(await ping(node, far.address4, { netns: "b" })).toBe(true);
  });

  test("needs no IPAM: the interface is up without addresses, and CHECK compares it", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    const result = await host.add(pod, bare());
    expect([result.interfaces.length, result.ips]).toEqual([1, undefined]);
    expect((await link(host.node, "eth0", "a")).flags).toContain("UP");
    await host.check(pod, bare(), result);
    const ip = (...words: string[]) =>
      host.node.exec("ip", ["link", "set", "eth0", ...words], { netns: "a" });
    const check = () => host.call("CHECK", pod, { ...bare(), prevResult: result });
    await ip("down");
    failed(await check(), 999, /eth0.*is down/);
    await ip("address", "02:00:00:00:00:99");
    failed(await check(), 999, `MAC address 02:00:00:00:00:99, expected ${mac}`);
    await ip("name", "other0");
    failed(await check(), 999, /eth0.*is missing/);
  });

  test("may call the device as it is called on the host, or as another one is", async () => {
    await using host = await createWorld();
    const { node } = host;
    await node.exec("ip", ["link", "add", "net1", "type", "ifb"]);
    for (const ifname of ["up0", "net1"]) {
      const pod = await host.pod(`of-${ifname}`, ifname);
      await host.add(pod, bare());
      expect(await names(node, pod.name)).toEqual(["lo", ifname].sort());
      await host.del(pod, bare());
      expect(identity(await link(node, "up0")).address).toBe(mac);
    }
  });

  test.each<[string, Keys]>([
    ["its MAC address", { device: "", hwaddr: mac.toUpperCase().replaceAll(":", "-") }],
    ["its folder in sysfs", { device: "", kernelpath: "/sys/devices/virtual" }],
    ["the first key of several that counts", { pciBusID: "0000:00:00.0", hwaddr: "02:00:00:00:00:77" }],
    ["the first key of several, although the others are wrong", { pciBusID: "../none", hwaddr: "none" }],
    ["its name, in any case of the key", { device: undefined, DEVICE: "up0" }],
  ])("finds it by %s", async (_, keys) => {
    await using host = await createWorld();
    // The folder of all devices without hardware holds lo, too, which comes before up0.
    if ("kernelpath" in keys) await host.node.exec("ip", ["link", "set", "up0", "name", "aa0"]);
    const pod = await host.pod("a");
    const result = await host.add(pod, bare(keys));
    expect(result.interfaces[0].mac).toBe(mac);
    await host.check(pod, bare(keys), result);
    await host.del(pod, bare(keys));
    expect(await names(host.node, "a")).toEqual(["lo"]);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    ["no device", { device: "" }, 7, /specify either "device", "hwaddr", "kernelpath" or "pciBusID"/],
    ["an impossible name", { device: "../x" }, 7, /"device" is not an interface name/],
    ["a device that there is not", { device: "eth9" }, 999, /no device \(device eth9\).*ip -d link/],
    ["an incomplete MAC address", { device: "", hwaddr: "02:00" }, 7, /"hwaddr" is not a MAC address/],
    [
      "a MAC address that no device has",
      { device: "", hwaddr: "02:00:00:00:00:77" },
      999,
      /no device \(hwaddr 02/,
    ],
    ["a path outside of sysfs", { device: "", kernelpath: "/etc" }, 7, /"kernelpath" is not a folder below/],
    [
      "a path that leads out of sysfs",
      { device: "", kernelpath: "/sys/devices/../../etc" },
      7,
      /"kernelpath" is not a folder below/,
    ],
    ["a folder without a device", { device: "", kernelpath: "/sys/devices/none" }, 999, /no device/],
    ["an impossible PCI address", { device: "", pciBusID: "../../x" }, 7, /"pciBusID" is not a PCI address/],
    [
      "hardware that there is not",
      { device: "", pciBusID: "ffff:ff:1f.7" },
      999,
      /no PCI device ffff:ff:1f.7/,
    ],
    [
      "an assigned device that there is not",
      { device: "", runtimeConfig: { deviceID: "mlx5_core.sf.9" } },
      7,
      /deviceID "mlx5_core.sf.9" is not found or not supported/,
    ],
    ["the loopback interface", { device: "lo" }, 7, /lo is the node's loopback interface/],
    ["no IPAM in an old version", { ipam: {}, cniVersion: "0.2.0" }, 7, /0\.2\.0 allows no network without/],
    ["a missing IPAM plugin", { ipam: { type: "missing" } }, 5, /failed to find plugin "missing"/],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    await using host = await createWorld("down");
    const pod = await host.pod("a");
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, network(keys)), code, words);
    expect(await host.node.snapshot()).toEqual(before);
    expect(await names(host.node, "a")).toEqual(["lo"]);
  });

  test("gives the device back, up as it was, if its last step fails", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    const before = identity(await link(host.node, "up0"));
    const routes = [{ dst: "0.0.0.0/0", gw: "192.0.2.7" }];
    const wrong = network({ ipam: { type: "host-local", subnet: "10.1.0.0/24", routes } });
    failed(await host.call("ADD", pod, wrong), 7, /192\.0\.2\.7/);
    const back = await link(host.node, "up0");
    expect(identity(back)).toEqual(before);
    expect(back.flags).toContain("UP");
    expect(await reservations(host.node)).toEqual([]);
  });

  test("refuses a device that the node uses, and says for what", async () => {
    await using host = await createWorld();
    const { node } = host;
    const pod = await host.pod("a");
    await node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
    await node.exec("ip", ["link", "set", "up0", "master", "br0"]);
    failed(await host.call("ADD", pod, bare()), 999, /up0 is a port of br0.*nomaster/);
    await node.exec("ip", ["link", "set", "up0", "nomaster"]);
    failed(await host.call("ADD", pod, bare({ device: "br0" })), 7, /br0 \(bridge\) cannot be moved/);
    await node.exec("ip", ["link", "add", "mac0", "link", "up0", "type", "macvlan"]);
    failed(await host.call("ADD", pod, bare()), 999, /up0 is below other interfaces of the node: mac0/);
    expect(await names(node)).toEqual(["br0", "lo", "mac0", "up0"]);
    expect(await names(node, "a")).toEqual(["lo"]);
  });

  test("names the container that has the device, by whichever key it is asked for", async () => {
    await using host = await createWorld();
    const [a, b] = await host.pods("a", "b");
    await host.add(a, bare());
    for (const keys of [{}, { device: "", hwaddr: mac }])
      failed(await host.call("ADD", b, bare(keys)), 999, /up0 is in use: the container id-a has it as eth0/);
    failed(await host.call("ADD", a, bare()), 4, /"eth0" already exists/);
    succeeded(await host.call("STATUS", undefined, bare()));
  });

  test("makes a device what it was first, if it came back from a container without DEL", async () => {
    await using host = await createWorld();
    const { node } = host;
    const [a, b] = await host.pods("a", "b");
    await host.add(a, network());
    // As the kernel leaves a physical device when its namespace ends.
    const script = `ip link set eth0 address 02:00:00:00:00:99 mtu 1300; ip link set eth0 netns ${node.pid}`;
    await node.exec("sh", ["-ec", script], { netns: "a" });
    await node.deleteNetns("a");
    expect(await names(node)).toEqual(["eth0", "lo"]);
    const result = await host.add(b, network());
    expect(result.interfaces[0]).toMatchObject({ mac, mtu: 1500 });
    await host.del(a, network());
    expect(await ping(node, far.address4, { netns: "b" })).toBe(true);
    await host.del(b, network());
    expect(identity(await link(node, "up0"))).toMatchObject({ address: mac, mtu: 1500 });
  });

  test("has the DNS settings of the configuration, else those of IPAM", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    await host.node.exec("tee", ["/run/resolv.conf"], { input: "nameserver 192.0.2.53\n" });
    const ipam = { type: "host-local", subnet: "10.1.0.0/24", resolvConf: "/run/resolv.conf" };
    const dns = async (keys: Keys) => {
      const result = await host.add(pod, network({ ipam, ...keys }));
      await host.del(pod, network());
      return result.dns.nameservers;
    };
    expect(await dns({})).toEqual(["192.0.2.53"]);
    expect(await dns({ dns: { nameservers: ["192.0.2.54"] } })).toEqual(["192.0.2.54"]);
  });

  test("moves nothing in DPDK mode: the addresses are for the program that drives the hardware", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    const config = network({ DPDKMode: true });
    const result = await host.add(pod, config);
    expect(result.interfaces).toEqual([{ name: "eth0", sandbox: pod.netns }]);
    expect(result.ips[0]).toMatchObject({ address: "10.1.0.2/24", interface: 0 });
    expect([await names(host.node), await names(host.node, "a")]).toEqual([["lo", "up0"], ["lo"]]);
    await host.check(pod, config, result);
    await host.del(pod, config);
    expect(await reservations(host.node)).toEqual([]);
  });
});

describe.runIf(canRun("strace", ...programs))("host-device", () => {
  test("STATUS fails where the device or IPAM is not there", async () => {
    await using host = await createWorld();
    const status = (keys: Keys) => host.call("STATUS", undefined, network(keys));
    succeeded(await status({}));
    succeeded(await status({ device: "", capabilities: { deviceID: true } }));
    failed(await status({ device: "" }), 7, /specify either/);
    failed(await status({ device: "eth9" }), 50, /no device \(device eth9\)/);
    failed(await status({ ipam: { type: "missing" } }), 5, /missing/);
  });

  test("starts no program with any verb", async () => {
    await using host = await createWorld();
    const pod = await host.pod("a");
    const calls = [
      ["STATUS", undefined],
      ["ADD", pod],
      ["DEL", pod],
    ] as const;
    for (const [command, target] of calls)
      expect((await callTraced(host, command, target, network())).started, command).toEqual([]);
    const gc = { ...network(), "cni.dev/valid-attachments": [] };
    expect((await callTraced(host, "GC", undefined, gc)).started).toEqual([]);
  });

  test.each(namespaceStates.filter(([state]) => !/gone|is empty|plain file at/.test(state)))(
    "DEL gives the device back when the container's namespace %s",
    async (_state, leave) => {
      await using host = await createWorld("down");
      const pod = await host.pod("a");
      const before = await host.node.snapshot();
      const result = await host.add(pod, network());
      const stage = {
        host,
        pod,
        result,
        neighbour: pod,
        intact: async () => {},
        [Symbol.asyncDispose]: noDispose,
      };
      await host.del(await leave(stage), { ...network(), prevResult: result });
      expect(identity(await link(host.node, "up0"))).toMatchObject({ address: mac });
      expect((await host.node.snapshot()).links).toEqual(before.links);
      expect(await reservations(host.node)).toEqual([]);
    },
  );
});
