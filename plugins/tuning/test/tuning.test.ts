import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { giveOwnFolder } from "../../../test/helpers/own-folder.ts";
import {
  failed,
  Host,
  hostLocal,
  type Keys,
  type Pod,
  succeeded,
} from "../../../test/plugins/attachment/host.ts";
import { link } from "../../../test/plugins/attachment/kernel-state.ts";

const network: Keys = { cniVersion: "1.1.0", name: "net", type: "ptp", ipam: hostLocal(["10.1.0.0/24"]) };
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "tuning" };
const mac = "02:00:00:00:00:07";

let host: Host;
let ptp: Host;
let pod: Pod;
let prevResult: Keys;

const prepare = async () => {
  host = await Host.create("tuning");
  ptp = new Host(host.node, builtPlugin("ptp"));
  pod = await host.pod("a");
  prevResult = await ptp.add(pod, network);
  return () => host.node.dispose();
};

const sysctl = async (key: string) =>
  (await host.node.exec("cat", [`/proc/sys/net/${key}`], { netns: "a" })).stdout.trim();
const txQLen = async () =>
  (await host.node.execJson<{ txqlen: number }[]>("ip", ["-j", "link", "show", "eth0"], { netns: "a" }))[0]
    ?.txqlen;
const backups = () => {
  const folder = host.node.path("/run/cni/tuning");
  return existsSync(folder) ? readdirSync(folder) : [];
};
const add = (keys: Keys, extras: object = {}) => host.add(pod, { ...config, prevResult, ...keys }, extras);
const refused = async (keys: Keys, code: number, words: RegExp, extras: object = {}) => {
  const before = [await host.node.snapshot(), await link(host.node, "eth0", "a")];
  failed(await host.call("ADD", pod, { ...config, prevResult, ...keys }, extras), code, words);
  expect([await host.node.snapshot(), await link(host.node, "eth0", "a")]).toEqual(before);
};

describe.runIf(canRun("ip"))("tuning", () => {
  beforeEach(prepare);

  test("sets sysctls, also of the interface, and leaves those of the node", async () => {
    const own = readFileSync("/proc/sys/net/core/somaxconn", "utf8");
    const wanted = {
      "net.core.somaxconn": "512",
      "net.ipv4.ip_local_port_range": "20000 30000",
      "net.ipv4.conf.IFNAME.arp_filter": "1",
      "net/ipv4/conf/IFNAME/rp_filter": "2",
    };
    const result = await add({ sysctl: wanted });
    expect(result).toEqual(prevResult);
    expect(await sysctl("core/somaxconn")).toBe("512");
    expect(await sysctl("ipv4/ip_local_port_range")).toMatch(/^20000\s30000$/);
    expect(await sysctl("ipv4/conf/eth0/arp_filter")).toBe("1");
    expect(await sysctl("ipv4/conf/eth0/rp_filter")).toBe("2");
    expect(readFileSync("/proc/sys/net/core/somaxconn", "utf8")).toBe(own);
    await host.check(pod, { ...config, sysctl: wanted }, result);
    expect(backups()).toEqual([]);
  });

  test("sets the interface, reports it, and DEL gives it its former settings", async () => {
    const before = await link(host.node, "eth0", "a");
    const length = await txQLen();
    const keys = { mac, mtu: 1400, promisc: true, allmulti: true, txQLen: 77 };
    const result = await add(keys);
    expect(result.interfaces[1]).toMatchObject({ name: "eth0", mac, mtu: 1400 });
    const tuned = await link(host.node, "eth0", "a");
    expect(tuned).toMatchObject({
      address: mac,
      mtu: 1400,
      flags: expect.arrayContaining(["PROMISC", "ALLMULTI"]),
    });
    expect(await txQLen()).toBe(77);
    expect(backups()).toEqual(["id-a_eth0.json"]);
    await host.check(pod, { ...config, ...keys }, result);
    await ptp.check(pod, network, result);
    await host.del(pod, { ...config, ...keys, prevResult: result });
    expect(await link(host.node, "eth0", "a")).toEqual(before);
    expect([await txQLen(), backups()]).toEqual([length, []]);
    await host.del(pod, config);
  });

  test.each<[string, Keys, object]>([
    [
      "args.cni before the capability",
      { args: { cni: { mac } }, runtimeConfig: { mac: "02:00:00:00:00:01" } },
      {},
    ],
    ["the capability before CNI_ARGS", { runtimeConfig: { mac } }, { args: "MAC=02:00:00:00:00:01" }],
    ["CNI_ARGS before the key", { mac: "02:00:00:00:00:01" }, { args: `IgnoreUnknown=1;K8S=x;MAC=${mac}` }],
    ["the key, in capitals", { mac: mac.toUpperCase() }, {}],
  ])("takes the MAC address of %s", async (_, keys, extras) => {
    const result = await add(keys, extras);
    expect(result.interfaces[1].mac).toBe(mac);
    await ptp.check(pod, network, result);
  });

  test("takes settings of args.cni, also without a key of that name", async () => {
    const args = { cni: { sysctl: { "net.core.somaxconn": "300" }, mtu: 1300, promisc: true } };
    await add({ args, mtu: 1400 });
    expect([await sysctl("core/somaxconn"), (await link(host.node, "eth0", "a")).mtu]).toEqual(["300", 1300]);
  });

  test("a sysctl of args.cni replaces the configured one, however each is written", async () => {
    const keys = {
      sysctl: { "net.core.somaxconn": "200", "net.ipv4.conf.eth0.arp_filter": "0" },
      args: { cni: { sysctl: { "net/core/somaxconn": "300", "net.ipv4.conf.IFNAME.arp_filter": "1" } } },
    };
    const result = await add(keys);
    expect([await sysctl("core/somaxconn"), await sysctl("ipv4/conf/eth0/arp_filter")]).toEqual(["300", "1"]);
    await host.check(pod, { ...config, ...keys }, result);
  });

  test("an empty value empties a list, and what cannot be read is not compared", async () => {
    const inside = { netns: "a" };
    await host.node.exec("sh", ["-c", "echo 8080 >/proc/sys/net/ipv4/ip_local_reserved_ports"], inside);
    const keys = { sysctl: { "net.ipv4.ip_local_reserved_ports": "", "net.ipv4.route.flush": "1" } };
    const result = await add(keys);
    expect(await sysctl("ipv4/ip_local_reserved_ports")).toBe("");
    await host.check(pod, { ...config, ...keys }, result);
  });

  const refusals: [string, Keys, number, RegExp, object?][] = [
    [
      "a sysctl outside of net",
      { sysctl: { "kernel.hostname": "x" } },
      7,
      /invalid net sysctl key: "kernel\.hostname"/,
    ],
    ["a path that leaves net", { sysctl: { "net/../kernel/hostname": "x" } }, 7, /invalid net sysctl key/],
    ["the same with dots", { sysctl: { "net.ipv4....kernel.hostname": "x" } }, 7, /invalid net sysctl key/],
    ["an absolute path", { sysctl: { "/proc/sys/net/core/somaxconn": "9" } }, 7, /invalid net sysctl key/],
    ["net itself", { sysctl: { net: "9" } }, 7, /invalid net sysctl key/],
    [
      "a folder of sysctls",
      { sysctl: { "net.ipv4.conf": "9" } },
      999,
      /could not set the sysctl net\.ipv4\.conf.*it is a folder/,
    ],
    [
      "a sysctl that there is not",
      { sysctl: { "net.core.nothing": "1" } },
      999,
      /net\.core\.nothing.*not the container's/,
    ],
    [
      "a value that the kernel refuses",
      { sysctl: { "net.core.somaxconn": "-5" } },
      999,
      /net\.core\.somaxconn to "-5".*does not take/,
    ],
    [
      "a number for a text",
      { sysctl: { "net.core.somaxconn": 5 } },
      6,
      /"sysctl\.net\.core\.somaxconn" must be a string/,
    ],
    ["a list of sysctls", { sysctl: ["net.core.somaxconn"] }, 6, /"sysctl" must be an object/],
    [
      "a sysctl under two names",
      { sysctl: { "net.core.somaxconn": "5", "net/core/somaxconn": "6" } },
      7,
      /"net\.core\.somaxconn" and "net\/core\/somaxconn", which are the same/,
    ],
    [
      "a sysctl of the interface under two names",
      { sysctl: { "net.ipv4.conf.eth0.arp_filter": "1", "net.ipv4.conf.IFNAME.arp_filter": "0" } },
      7,
      /which are the same/,
    ],
    [
      "a value of several lines",
      { sysctl: { "net.core.somaxconn": "5\n6" } },
      7,
      /"sysctl\.net\.core\.somaxconn" has more than one line/,
    ],
    [
      "an empty value for a number",
      { sysctl: { "net.core.somaxconn": "" } },
      999,
      /net\.core\.somaxconn to "".*does not take/,
    ],
    ["a MAC address that is too short", { mac: "02:00" }, 7, /"mac" is not a MAC address/],
    [
      "a group's MAC address",
      { args: { cni: { mac: "01:00:5e:00:00:01" } } },
      7,
      /"args\.cni\.mac" is not a MAC address/,
    ],
    ["an MTU that is too small", { mtu: 12 }, 7, /"mtu" is 12/],
    ["a negative queue", { txQLen: -1 }, 7, /"txQLen" is -1/],
    ["no previous plugin", { prevResult: undefined }, 7, /ADD needs prevResult.*earlier plugin/],
    ["malformed arguments", {}, 4, /CNI_ARGS/, { args: "MAC" }],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words, extras = {}) => {
    await refused(keys, code, words, extras);
  });

  test("a failure takes back what was set before, and leaves no file", async () => {
    const somaxconn = await sysctl("core/somaxconn");
    // A veth interface takes no more than 65535, and the second sysctl does not exist.
    await refused({ sysctl: { "net.core.somaxconn": "77", "net.core.nothing": "1" }, mac }, 999, /nothing/);
    expect(await sysctl("core/somaxconn")).toBe(somaxconn);
    await host.node
      .exec("ip", ["link", "set", "eth0", "name", "eth7"], { netns: "a" })
      .catch(() => undefined);
    await host.node.exec("ip", ["link", "delete", "eth0"], { netns: "a", reject: false });
    await host.node.exec("ip", ["link", "delete", "eth7"], { netns: "a", reject: false });
    const keys = { sysctl: { "net.core.somaxconn": "77" }, mac };
    failed(
      await host.call("ADD", pod, { ...config, ...keys, prevResult }),
      999,
      /eth0 is missing.*put tuning after/,
    );
    expect([await sysctl("core/somaxconn"), backups()]).toEqual([somaxconn, []]);
  });

  test("a repeated ADD that fails leaves what the first one keeps for DEL, and a list that was empty", async () => {
    const inside = { netns: "a" };
    for (const words of [
      ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"],
      ["link", "add", "mv0", "link", "up0", "type", "macvlan"],
      ["link", "set", "mv0", "alias", "podwire network=net container=id-a interface=mv0"],
    ])
      await host.node.exec("ip", words, inside);
    const other = { ...pod, ifname: "mv0" };
    const before = await link(host.node, "mv0", "a");
    await host.add(other, { ...config, prevResult, mac });
    // The kernel refuses an MTU above that of the device below.
    const again = {
      mac: "02:00:00:00:00:09",
      mtu: 9000,
      sysctl: { "net.ipv4.ip_local_reserved_ports": "8080" },
    };
    const { address: tuned } = await link(host.node, "mv0", "a");
    expect(tuned).toBe(mac);
    failed(await host.call("ADD", other, { ...config, prevResult, ...again }), 999, /"mtu": 9000/);
    expect((await link(host.node, "mv0", "a")).address).toBe(tuned);
    expect(await sysctl("ipv4/ip_local_reserved_ports")).toBe("");
    await host.del(other, config);
    expect(await link(host.node, "mv0", "a")).toEqual(before);
    expect(backups()).toEqual([]);
  });

  test("refuses a sysctl that stands twice", async () => {
    const text = JSON.stringify({ ...config, prevResult, sysctl: { "net.core.somaxconn": "5" } });
    const twice = text.replace(
      '"net.core.somaxconn":"5"',
      '"net.core.somaxconn":"5", "net.core.somaxconn" : "6"',
    );
    failed(await host.call("ADD", pod, twice), 7, /"net\.core\.somaxconn" twice: duplicated sysctl keys/);
  });

  test("sets only what the administrator's list allows", async () => {
    await giveOwnFolder(host.node, "/etc/cni/tuning");
    const list = host.node.path("/etc/cni/tuning/allowlist.conf");
    writeFileSync(list, "^net\\.core\\.so.*$\n\n^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$\n");
    await add({ sysctl: { "net.core.somaxconn": "400", "net.ipv4.conf.IFNAME.arp_filter": "1" } });
    const other = { sysctl: { "net.ipv4.ip_local_port_range": "1 2" } };
    await refused(other, 7, /net\.ipv4\.ip_local_port_range is not allowed.*\[\^net\\\\?\.core/);
    writeFileSync(list, "");
    await refused({ sysctl: { "net.core.somaxconn": "401" } }, 7, /is not allowed/);
    writeFileSync(list, "net.(\n");
    await refused(
      { sysctl: { "net.core.somaxconn": "401" } },
      7,
      /allowlist\.conf has a line that is not a regular/,
    );
  });

  test("CHECK names everything that was changed", async () => {
    const keys = {
      sysctl: { "net.core.somaxconn": "512", "net.ipv4.ip_forward": "1" },
      mac,
      mtu: 1400,
      txQLen: 5,
    };
    const result = await add(keys);
    const inside = { netns: "a" };
    await host.node.exec("sh", ["-c", "echo 9 >/proc/sys/net/core/somaxconn"], inside);
    await host.node.exec("ip", ["link", "set", "eth0", "mtu", "1300", "txqueuelen", "6"], inside);
    const run = await host.call("CHECK", pod, { ...config, ...keys, prevResult: result });
    failed(run, 999, /somaxconn is 9, expected 512.*mtu is 1300, expected 1400; txQLen is 6, expected 5/s);
    failed(await host.call("CHECK", pod, config), 7, /prevResult/);
  });

  test("DEL succeeds without the namespace, the interface, a sound file; and the file goes", async () => {
    for (const spoil of [
      () => host.node.exec("ip", ["link", "delete", "eth0"], { netns: "a" }),
      () => Promise.resolve(writeFileSync(host.node.path("/run/cni/tuning/id-a_eth0.json"), "{garbage")),
      () => host.node.deleteNetns("a"),
    ]) {
      await add({ mtu: 1400 });
      expect(backups()).toEqual(["id-a_eth0.json"]);
      await spoil();
      await host.del(pod, config);
      expect(backups()).toEqual([]);
      await ptp.del(pod, network);
      await host.node.deleteNetns("a").catch(() => undefined);
      pod = await host.pod("a");
      prevResult = await ptp.add(pod, network);
    }
  });

  test.each([
    { mtu: 5, mac: "01:00:5e:00:00:01", txQLen: 99999999999, promisc: "yes" },
    { mtu: 1e9, mac: "00:00:00:00:00:00", txQLen: 0.5 },
    { mtu: "1500", mac: 7, txQLen: null, promisc: {}, network: ["net"] },
  ])("DEL steps over values in the file that no interface has: %o", async (garbage) => {
    const before = await link(host.node, "eth0", "a");
    await add({ mtu: 1400, allmulti: true });
    writeFileSync(
      host.node.path("/run/cni/tuning/id-a_eth0.json"),
      JSON.stringify({ network: "net", allmulti: false, ...garbage }),
    );
    await host.del(pod, config);
    expect(await link(host.node, "eth0", "a")).toEqual({ ...before, mtu: 1400 });
    expect(backups()).toEqual([]);
  });

  test("DEL restores what it can if the kernel refuses a part", async () => {
    const { flags } = await link(host.node, "eth0", "a");
    await add({ mac, mtu: 1400, allmulti: true });
    await host.node.exec("ip", ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"], {
      netns: "a",
    });
    const macvlan = ["link", "add", "mv0", "link", "up0", "type", "macvlan"];
    await host.node.exec("ip", macvlan, { netns: "a" });
    const file = "/run/cni/tuning/id-a_mv0.json";
    writeFileSync(host.node.path(file), JSON.stringify({ network: "net", mtu: 9000, allmulti: true }));
    const alias = "podwire network=net container=id-a interface=mv0";
    await host.node.exec("ip", ["link", "set", "mv0", "alias", alias], { netns: "a" });
    const other = { ...pod, ifname: "mv0" };
    failed(await host.call("DEL", other, config), 999, /mv0 does not take "mtu": 9000/);
    expect((await link(host.node, "mv0", "a")).flags).toContain("ALLMULTI");
    await host.del(other, config);
    await host.del(pod, config);
    expect((await link(host.node, "eth0", "a")).flags).toEqual(flags);
  });

  test("DEL of a former container whose path leads to another one by now changes nothing there", async () => {
    const former = await add({ mtu: 1400, promisc: true });
    await host.node.deleteNetns("a");
    const next = { ...(await host.pod("a")), containerId: "id-next" };
    const attached = await ptp.add(next, network);
    const result = await host.add(next, { ...config, prevResult: attached, mtu: 1300, promisc: true });
    const tuned = await link(host.node, "eth0", "a");
    await host.del(pod, { ...config, prevResult: former });
    expect(await link(host.node, "eth0", "a")).toEqual(tuned);
    expect(backups()).toEqual(["id-next_eth0.json"]);
    await host.check(next, { ...config, mtu: 1300, promisc: true }, result);
  });

  test.each(["id-a_eth0.json", "net:id-a_eth0.new"])(
    "what stands in place of %s blocks no call",
    async (name) => {
      const folder = "/run/cni/tuning";
      for (const make of [
        `mkfifo ${folder}/${name}`,
        `mkdir ${folder}/${name}`,
        `ln -s /etc/passwd ${folder}/${name}`,
      ]) {
        await host.node.exec("sh", ["-c", `mkdir -p ${folder}; ${make}`]);
        await add({ mtu: 1400 });
        await host.del(pod, config);
        expect(backups()).toEqual([]);
        await host.node.exec("sh", ["-c", make]);
        await host.del(pod, config);
        await host.node.exec("rm", ["-rf", `${folder}/${name}`]);
      }
    },
  );

  test("GC removes the files of its network's former attachments only", async () => {
    await add({ mtu: 1400 });
    await host.gc({ ...config, name: "other" }, []);
    await host.gc(config, [pod]);
    expect(backups()).toEqual(["id-a_eth0.json"]);
    await host.gc(config, []);
    expect(backups()).toEqual([]);
  });

  test("STATUS refuses a wrong configuration", async () => {
    succeeded(
      await host.call("STATUS", undefined, { ...config, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } }),
    );
    failed(
      await host.call("STATUS", undefined, { ...config, sysctl: { "vm.swappiness": "1" } }),
      7,
      /vm\.swappiness/,
    );
  });
});

describe.runIf(canRun("ip", referencePlugin("tuning")))("beside the reference plugin", () => {
  beforeEach(prepare);

  test("what it tuned, our CHECK accepts and our DEL restores; and the other way round", async () => {
    const reference = new Host(host.node, referencePlugin("tuning"), referenceBin);
    const before = await link(host.node, "eth0", "a");
    const keys = { ...config, cniVersion: "1.0.0", mac, mtu: 1400, sysctl: { "net.core.somaxconn": "512" } };
    for (const [first, second] of [
      [reference, host],
      [host, reference],
    ] as const) {
      const result = await first.add(pod, { ...keys, prevResult: { ...prevResult, cniVersion: "1.0.0" } });
      await second.check(pod, keys, result);
      await second.del(pod, { ...keys, prevResult: result });
      expect([await link(host.node, "eth0", "a"), backups()]).toEqual([before, []]);
    }
  });
});
