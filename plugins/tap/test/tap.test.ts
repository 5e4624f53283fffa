import { describe, expect, test } from "vitest";
import { hostLinkName } from "../../../shared/cni/attachment.ts";
import { canRun } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, succeeded } from "../../../test/plugins/attachment/host.ts";
import { addresses, link, links, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { namespaceStates, prepareDeletion } from "../../../test/plugins/attachment/netns-states.ts";
import { callTraced } from "../../../test/plugins/attachment/started-programs.ts";
import { attachTo, bare, network } from "./world.ts";

const programs = ["ip", "perl", "iptables-save", "nft", "ipset"] as const;
/** IFF_MULTI_QUEUE. */
const multiQueue = 0x100;

const details = async (host: Host, netns = "a") =>
  (await host.node.exec("ip", ["-d", "link", "show", "eth0"], { netns })).stdout;
const names = async (host: Host, netns = "a") =>
  (await links(host.node, netns)).map(({ ifname }) => ifname).sort();

describe.runIf(canRun(...programs))("tap ADD", () => {
  test("makes a device with addresses: a program attaches to it, and the container answers", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    const result = await host.add(pod, network());
    const eth0 = await link(host.node, "eth0", "a");
    expect([eth0.linkinfo?.info_kind, eth0.ifalias, eth0.flags.includes("UP")]).toEqual([
      "tun",
      "podwire network=net container=id-a interface=eth0",
      true,
    ]);
    expect(await details(host)).toMatch(/tun type tap pi off vnet_hdr on persist on/);
    expect(result.interfaces).toEqual([
      { name: "eth0", mac: eth0.address, mtu: 1500, sandbox: "/run/netns/a" },
    ]);
    expect(eth0.address).toBe("0a:58:0a:01:00:02");
    expect(await addresses(host.node, "eth0", "a")).toEqual(["10.1.0.2/24", "fd00:1::2/64"]);
    expect(await attachTo(host.node, "a")).toMatchObject({ stdout: eth0.address, exitCode: 0 });
    await host.check(pod, network(), result);
    for (let time = 0; time < 2; time++) await host.del(pod, network());
    expect(await names(host)).toEqual(["lo"]);
    expect(await reservations(host.node)).toEqual([]);
  });

  test("lets the configured user and group attach, and no others", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    const config = network({ owner: 1234, group: 4294967294, multiQueue: true });
    const result = await host.add(pod, config);
    expect(await details(host)).toMatch(/multi_queue.*user 1234 group 4294967294/);
    const attach = (user: number, group: number) =>
      attachTo(host.node, "a", { user, group, flags: multiQueue });
    expect(await attach(1234, 4294967294)).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await attach(1235, 4294967294)).stderr).toMatch(/attach: Operation not permitted/);
    expect((await attach(1234, 7)).stderr).toMatch(/attach: Operation not permitted/);
    // A device of one queue is refused where it has several.
    expect((await attachTo(host.node, "a")).stderr).toMatch(/attach: Invalid argument/);
    await host.check(pod, config, result);
    for (const [key, words] of [
      ["owner", "owner 1234, expected 7"],
      ["group", "group 4294967294, expected 7"],
    ] as const)
      failed(await host.call("CHECK", pod, { ...config, [key]: 7, prevResult: result }), 999, words);
    const single = { ...config, multiQueue: false, prevResult: result };
    failed(await host.call("CHECK", pod, single), 999, /multiQueue true, expected false/);
  });

  test("has the wanted MAC address together with owner and group, and the MTU, which the result says", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    const config = bare({ owner: 0, group: 0, mac: "02-00-00-00-00-09", mtu: 1400 });
    const result = await host.add(pod, config);
    expect(result.interfaces[0]).toMatchObject({ mac: "02:00:00:00:00:09", mtu: 1400 });
    expect(await link(host.node, "eth0", "a")).toMatchObject({ address: "02:00:00:00:00:09", mtu: 1400 });
    expect(await details(host)).toMatch(/user 0 group 0|user root group root/);
    await host.check(pod, config, result);
    await host.del(pod, config);
    const wanted: [Keys, object][] = [
      [{ runtimeConfig: { mac: "02:00:00:00:00:07" }, mac: "02:00:00:00:00:09" }, {}],
      [{ mac: "02:00:00:00:00:09" }, { args: "MAC=02:00:00:00:00:07" }],
    ];
    for (const [keys, extras] of wanted) {
      expect((await host.add(pod, bare(keys), extras)).interfaces[0].mac).toBe("02:00:00:00:00:07");
      await host.del(pod, bare());
    }
  });

  test("makes the device a port of a bridge in the container", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    const ip = (...words: string[]) => host.node.exec("ip", words, { netns: "a" });
    // Not the node's.
    await host.node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
    failed(await host.call("ADD", pod, bare({ bridge: "br0" })), 999, /br0 does not exist in the container/);
    failed(await host.call("ADD", pod, bare({ bridge: "lo" })), 999, /lo is not a bridge in the container/);
    expect(await names(host)).toEqual(["lo"]);
    await ip("link", "add", "br0", "up", "type", "bridge");
    await ip("address", "add", "10.1.0.2/24", "dev", "br0");
    const config = bare({ bridge: "br0" });
    const result = await host.add(pod, config);
    expect((await link(host.node, "eth0", "a")).master).toBe("br0");
    const answer = await attachTo(host.node, "a");
    expect(answer.stdout).toBe((await link(host.node, "br0", "a")).address);
    await host.check(pod, config, result);
    await ip("link", "set", "eth0", "nomaster");
    const check = () => host.call("CHECK", pod, { ...config, prevResult: result });
    failed(await check(), 999, /eth0 is no port of br0.*ip link set eth0 master br0/);
    await ip("link", "delete", "br0");
    failed(await check(), 999, /br0 does not exist/);
    await host.del(pod, config);
    expect(await names(host)).toEqual(["lo"]);
  });

  test("refuses a taken name, and leaves no other device; the reference reports success there", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    await host.add(pod, network());
    failed(await host.call("ADD", pod, network()), 4, /"eth0" already exists/);
    expect(await names(host)).toEqual(["eth0", "lo"]);
    expect(await reservations(host.node)).toHaveLength(2);
  });

  test("replaces what a killed ADD has left under its first name", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    const first = hostLinkName({ network: "net", containerId: pod.containerId, ifname: "eth0" }, "tun");
    await host.node.exec("ip", ["tuntap", "add", "mode", "tap", "name", first], { netns: "a" });
    await host.add(pod, network());
    expect(await names(host)).toEqual(["eth0", "lo"]);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    ["an MTU that is too small", { mtu: 60 }, 7, /"mtu" is 60/],
    ["an MTU that the kernel refuses", { mtu: 65522 }, 7, /"mtu" is 65522.*68 to 65521/],
    ["a group's MAC address", { mac: "01:00:5e:00:00:01" }, 7, /mac is not a MAC address/],
    ["a user that there cannot be", { owner: -1 }, 7, /"owner" is -1.*number of a user/],
    ["a group that there cannot be", { group: 4294967295 }, 7, /"group" is 4294967295/],
    ["a user by name", { owner: "qemu" }, 6, /"owner" must be a whole number/],
    ["a bridge with a path for a name", { bridge: "../all" }, 7, /"bridge" is not an interface name/],
    ["a context of two lines", { selinuxContext: "a\nb" }, 7, /"selinuxContext" has a line break/],
    [
      "a context on a node without SELinux",
      { selinuxContext: "system_u:system_r:container_t:s0" },
      50,
      /this node has no SELinux/,
    ],
    ["no IPAM in an old version", { ipam: {}, cniVersion: "0.2.0" }, 7, /0\.2\.0 allows no network without/],
    ["a missing IPAM plugin", { ipam: { type: "missing" } }, 5, /failed to find plugin "missing"/],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    failed(await host.call("ADD", pod, network(keys)), code, words);
    expect(await names(host)).toEqual(["lo"]);
    expect(await reservations(host.node)).toEqual([]);
  });

  test.each([
    ["missing", "umount /dev; mount -t tmpfs tmpfs /dev", /no tap devices.*modprobe tun/s],
    [
      "without its module",
      "mount -t tmpfs tmpfs /dev/net; mknod /dev/net/tun c 10 201",
      /no tap devices|gives no tap/,
    ],
  ])("and STATUS say what to do where the device file is %s", async (_, script, words) => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    await host.node.exec("sh", ["-ec", `mkdir -p /run/net; ${script.replace("umount /dev; ", "")}`]);
    failed(await host.call("ADD", pod, network()), 50, words);
    failed(await host.call("STATUS", undefined, network()), 50, words);
    expect(await names(host)).toEqual(["lo"]);
    expect(await reservations(host.node)).toEqual([]);
  });
});

describe.runIf(canRun("strace", ...programs))("tap", () => {
  test("STATUS fails where IPAM is not there", async () => {
    await using host = await Host.create("tap");
    succeeded(await host.call("STATUS", undefined, network()));
    succeeded(await host.call("STATUS", undefined, bare({ bridge: "br0" })));
    failed(await host.call("STATUS", undefined, network({ ipam: { type: "missing" } })), 5, /missing/);
    const labelled = network({ selinuxContext: "system_u:system_r:container_t:s0" });
    failed(await host.call("STATUS", undefined, labelled), 50, /no SELinux/);
  });

  test("starts no program", async () => {
    await using host = await Host.create("tap");
    const pod = await host.pod("a");
    for (const command of ["ADD", "DEL"] as const)
      expect((await callTraced(host, command, pod, network({ owner: 1 }))).started, command).toEqual([]);
  });

  test("goes while a program is attached, and with its namespace", async () => {
    await using host = await Host.create("tap");
    const [a, b] = await host.pods("a", "b");
    for (const pod of [a, b]) await host.add(pod, network());
    const hold =
      'open(my $t, "+<", "/dev/net/tun"); my $r = pack("a16Sx22", "eth0", 0x1002); ioctl($t, 0x400454ca, $r); $| = 1; print "held\n"; sleep 1000';
    await using holder = host.node.start("perl", ["-e", hold], { netns: "a" });
    expect(await holder.firstLine()).toBe("held");
    await host.del(a, network());
    expect(await names(host)).toEqual(["lo"]);
    await host.node.deleteNetns("b");
    await host.gc(network(), []);
    expect(await reservations(host.node)).toEqual([]);
  });

  test.each(namespaceStates)(
    "DEL leaves nothing when the container's namespace %s",
    async (_state, leave) => {
      await using host = await Host.create("tap");
      await host.warmUp(network());
      const stage = await prepareDeletion(host, network());
      await host.del(await leave(stage), { ...network(), prevResult: stage.result });
      await host.node.exec("rm", ["-f", "/run/plain"]);
      await stage.intact();
    },
  );
});
