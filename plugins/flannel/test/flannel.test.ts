import { readdirSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import {
  builtPlugin,
  canRun,
  distBin,
  ping,
  referenceBin,
  referencePlugin,
} from "../../../test/helpers/index.ts";
import { subnetEnv, writeSubnetEnv } from "../../../test/helpers/subnet-env.ts";
import { failed, Host, type Keys, type Pod, succeeded } from "../../../test/plugins/attachment/host.ts";
import { addresses, link, links, reservations } from "../../../test/plugins/attachment/kernel-state.ts";
import { addDelegate, delegatePath, print, verbsOf } from "../../../test/shared/cni/delegates.ts";
import { config, createWorld, dataDir, filesOf, programs, savedOn, writeOn } from "./world.ts";

const env = subnetEnv;
const env6 = { ...env, FLANNEL_IPV6_NETWORK: "fd00:244::/56", FLANNEL_IPV6_SUBNET: "fd00:244:0:1::1/64" };

let host: Host;
let pod: Pod;

const write = (path: string, text: string) => writeOn(host, path, text);
const writeEnv = (values: Readonly<Record<string, string>>, path?: string) =>
  writeSubnetEnv(host.node, values, path);
const files = () => filesOf(host);
const saved = (name: string) => savedOn(host, name);
const hostLinks = async () => (await links(host.node)).map(({ ifname }) => ifname);

const prepare = async () => {
  ({ host, pod } = await createWorld());
  return () => host.node.dispose();
};

describe.runIf(canRun(...programs))("flannel", () => {
  beforeEach(prepare);

  test("attaches pods by the bridge plugin, with the subnet and the MTU of flanneld", async () => {
    const other = await host.pod("b");
    const result = await host.add(pod, config);
    await host.add(other, config);
    expect(result.ips).toEqual([{ address: "10.244.1.2/24", gateway: "10.244.1.1", interface: 2 }]);
    expect(result.routes).toEqual([{ dst: "10.244.0.0/16" }, { dst: "0.0.0.0/0", gw: "10.244.1.1" }]);
    expect((await link(host.node, "eth0", "a")).mtu).toBe(1450);
    expect(await addresses(host.node, "cni0")).toContain("10.244.1.1/24");
    expect(await ping(host.node, "10.244.1.3", { netns: "a" })).toBe(true);
    expect(await ping(host.node, "10.244.1.2")).toBe(true);
    expect((await host.node.exec("nft", ["list", "ruleset"])).stdout).not.toMatch(/masquerade/);
    await host.check(pod, config, result);
    succeeded(await host.call("STATUS", undefined, config));
    await host.del(pod, config);
    await host.del(other, config);
    expect([files(), await reservations(host.node, "cbr0")]).toEqual([[], []]);
    await host.del(pod, config);
  });

  test("attaches with both families, several networks, and routes of the configuration", async () => {
    await writeEnv({
      ...env6,
      FLANNEL_NETWORK: "10.244.0.0/16,10.96.0.0/12",
      FLANNEL_IPV6_NETWORK: "fd00:244::/56",
    });
    const keys = { ...config, ipam: { routes: [{ dst: "192.0.2.0/24" }, { dst: "10.96.0.0/12" }] } };
    const result = await host.add(pod, keys);
    expect(result.routes.map(({ dst }: { dst: string }) => dst)).toEqual([
      "192.0.2.0/24",
      "10.96.0.0/12",
      "10.244.0.0/16",
      "fd00:244::/56",
      "0.0.0.0/0",
      "::/0",
    ]);
    expect(await addresses(host.node, "eth0", "a")).toEqual(["10.244.1.2/24", "fd00:244:0:1::2/64"]);
    await host.check(pod, keys, result);
  });

  test("works with IPv6 alone", async () => {
    const { FLANNEL_NETWORK: _, FLANNEL_SUBNET: __, ...only6 } = env6;
    await writeEnv(only6);
    await host.add(pod, config);
    expect(await addresses(host.node, "eth0", "a")).toEqual(["fd00:244:0:1::2/64"]);
  });

  test("keeps the delegate's configuration under the container's name, for root alone", async () => {
    const keys = {
      ...config,
      capabilities: { mac: true },
      runtimeConfig: { mac: "02:00:00:00:00:07" },
      ipam: { dataDir: "/run/addresses" },
    };
    const result = await host.add(pod, keys);
    expect(files()).toEqual(["id-a"]);
    expect(saved("id-a")).toEqual({
      name: "cbr0",
      type: "bridge",
      cniVersion: "1.1.0",
      hairpinMode: true,
      isDefaultGateway: true,
      isGateway: true,
      ipMasq: false,
      mtu: 1450,
      runtimeConfig: { mac: "02:00:00:00:00:07" },
      ipam: {
        type: "host-local",
        dataDir: "/run/addresses",
        ranges: [[{ subnet: "10.244.1.0/24" }]],
        routes: [{ dst: "10.244.0.0/16" }],
      },
      podwireInterface: "eth0",
    });
    expect((await host.node.exec("stat", ["-c", "%a", dataDir, `${dataDir}/id-a`])).stdout).toBe("700\n600");
    expect(result.interfaces[2].mac).toBe("02:00:00:00:00:07");
  });

  test("masquerades where flanneld does not, and leaves keys of the delegate as they are", async () => {
    await writeEnv({ ...env, FLANNEL_IPMASQ: "false" });
    await host.add(pod, config);
    expect((await host.node.exec("nft", ["list", "ruleset"])).stdout).toMatch(/masquerade/);
    const other = await host.pod("b");
    await host.add(other, { ...config, name: "own", delegate: { MTU: 1300, ipMasq: false, bridge: "br9" } });
    expect((await link(host.node, "eth0", "b")).mtu).toBe(1300);
    expect(saved("id-b")).toMatchObject({ ipMasq: false, MTU: 1300 });
    expect(saved("id-b")).not.toHaveProperty("mtu");
  });

  test("delegates to the plugin that the configuration names", async () => {
    const keys = { ...config, delegate: { type: "ptp" } };
    const result = await host.add(pod, keys);
    expect(saved("id-a")).not.toHaveProperty("isGateway");
    expect(await hostLinks()).not.toContain("cni0");
    await host.check(pod, keys, result);
    // The configuration has changed since: what ADD has kept counts.
    await host.del(pod, config);
    expect([files(), (await hostLinks()).length, await reservations(host.node, "cbr0")]).toEqual([[], 1, []]);
  });

  test("reads keys subnetFile and dataDir", async () => {
    await writeEnv({ ...env, FLANNEL_SUBNET: "10.244.7.1/24" }, "/run/elsewhere.env");
    const keys = { ...config, subnetFile: "/run/elsewhere.env", dataDir: "/run/kept" };
    expect((await host.add(pod, keys)).ips[0].address).toBe("10.244.7.2/24");
    expect([files(), readdirSync(host.node.path("/run/kept"))]).toEqual([[], ["id-a"]]);
    await host.del(pod, keys);
    expect(readdirSync(host.node.path("/run/kept"))).toEqual([]);
  });

  test.each(["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0"])("speaks %s", async (cniVersion) => {
    const keys = { ...config, cniVersion };
    const result = await host.add(pod, keys);
    expect(result.cniVersion).toBe(cniVersion);
    expect(result.ip4?.ip ?? result.ips[0].address).toBe("10.244.1.2/24");
    await host.del(pod, keys);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    ["a delegate's name", { delegate: { name: "x" } }, 7, /delegate\.name/],
    ["a delegate's ipam", { delegate: { Ipam: {} } }, 7, /delegate\.ipam.*beside "delegate"/],
    ["a delegate of a wrong type", { delegate: { type: 7 } }, 6, /"delegate\.type" must be a string/],
    ["a delegate that is a list", { delegate: [] }, 6, /"delegate" must be an object/],
    ["a path as a delegate", { delegate: { type: "../bin/sh" } }, 7, /delegate\.type/],
    ["itself as a delegate", { delegate: { type: "flannel" } }, 7, /makes no interface by itself/],
    ["an IPAM plugin as a delegate", { delegate: { type: "host-local" } }, 7, /makes no interface by itself/],
    ["a delegate that is not there", { delegate: { type: "nothing" } }, 5, /failed to find plugin "nothing"/],
    ["what the delegate refuses", { delegate: { vlan: 9999 } }, 7, /vlan/],
    ["routes of a wrong type", { ipam: { routes: "all" } }, 6, /routes" must be a list/],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, { ...config, ...keys }), code, words);
    const after = await host.node.snapshot();
    expect(files()).toEqual([]);
    expect({ ...after, files: [] }).toEqual({ ...before, files: [] });
  });

  const spoilt: [string, string | undefined, number, RegExp][] = [
    ["no file", undefined, 11, /flanneld has not written it yet/],
    ["an empty file", "", 6, /is missing FLANNEL_NETWORK.*FLANNEL_SUBNET.*FLANNEL_MTU, FLANNEL_IPMASQ/],
    ["a line without =", "FLANNEL_NETWORK\nFLANNEL_MTU=1450\n", 6, /is missing FLANNEL_NETWORK/],
    [
      "a subnet without sense",
      "FLANNEL_SUBNET=ten\n",
      6,
      /FLANNEL_SUBNET is "ten", which is not an IPv4 subnet/,
    ],
    ["a subnet of the other family", "FLANNEL_IPV6_SUBNET=10.1.0.1/24\n", 6, /not an IPv6 subnet/],
    ["an MTU without sense", "FLANNEL_MTU=big\n", 6, /FLANNEL_MTU is "big"/],
    ["a flag without sense", "FLANNEL_IPMASQ=maybe\n", 6, /not true or false/],
    ["bytes", "\0\u0001\ufffd", 6, /is missing/],
  ];
  test.each(spoilt)("says what is wrong with %s, and changes nothing", async (_, text, code, words) => {
    await host.node.exec("rm", ["/run/flannel/subnet.env"]);
    if (text !== undefined) write("/run/flannel/subnet.env", text);
    const before = await host.node.snapshot();
    failed(await host.call("ADD", pod, config), code, words);
    failed(await host.call("STATUS", undefined, config), 50, words);
    expect(await host.node.snapshot()).toEqual(before);
    await host.del(pod, config);
  });

  test.each(["mkfifo", "mkdir", "ln -s /dev/null"])(
    "%s in place of flanneld's file blocks no call",
    async (make) => {
      const place = "/run/flannel/subnet.env";
      await host.node.exec("sh", ["-c", `rm ${place}; ${make} ${place}`]);
      failed(await host.call("ADD", pod, config), make === "mkdir" ? 11 : 6);
    },
  );

  test("CHECK finds what the delegate finds, and a subnet that is no longer the node's", async () => {
    const result = await host.add(pod, config);
    await host.node.exec("rm", ["/run/flannel/subnet.env"]);
    await host.check(pod, config, result);
    await writeEnv({ ...env, FLANNEL_SUBNET: "10.244.9.1/24" });
    failed(
      await host.call("CHECK", pod, { ...config, prevResult: result }),
      999,
      /10\.244\.1\.2\/24 is not in the node's subnet 10\.244\.9\.0\/24.*recreate/,
    );
    await writeEnv(env);
    await host.node.exec("ip", ["link", "set", "eth0", "down"], { netns: "a" });
    failed(await host.call("CHECK", pod, { ...config, prevResult: result }), 999, /eth0/);
    failed(await host.call("CHECK", pod, config), 7, /prevResult/);
  });

  test("two interfaces of a container keep a configuration each", async () => {
    const second = { ...pod, ifname: "net1" };
    const other = { ...config, name: "other", delegate: { type: "ptp" } };
    await host.add(pod, config);
    await host.add(second, other);
    expect(files()).toEqual(["id-a", expect.stringMatching(/^id-a:[0-9a-f]{16}:net1$/)]);
    // A repeated ADD is refused, as the name is taken, and spoils nothing.
    const before = files().map(saved);
    failed(await host.call("ADD", second, other), 4, /net1/);
    failed(await host.call("ADD", pod, { ...config, delegate: { type: "ptp" } }), 4, /eth0/);
    expect(files().map(saved)).toEqual(before);
    await host.del(pod, config);
    expect(files()).toHaveLength(1);
    await host.del(second, other);
    expect([files(), await reservations(host.node, "cbr0"), await reservations(host.node, "other")]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test("two interfaces of a container that are attached at once keep a configuration each", async () => {
    const second = { ...pod, ifname: "net1" };
    const other = { ...config, name: "other", delegate: { bridge: "br9" } };
    for (let round = 0; round < 5; round++) {
      await Promise.all([host.add(pod, config), host.add(second, other)]);
      expect(
        files()
          .map((name) => saved(name).podwireInterface)
          .sort(),
      ).toEqual(["eth0", "net1"]);
      await Promise.all([host.del(pod, config), host.del(second, other)]);
      expect(files()).toEqual([]);
    }
  });

  test("DEL without the file, with garbage in it, or something else in its place, removes what the configuration says", async () => {
    const place = `${dataDir}/id-a`;
    for (const spoil of [
      `rm ${place}`,
      `echo garbage >${place}`,
      `echo '{"name": "cbr0", "type": "flannel"}' >${place}`,
      `echo '{"name": "cbr0", "type": "bridge", "cniVersion": "7"}' >${place}`,
      `echo '{"name": "cbr0", "type": "../sh"}' >${place}`,
      `echo '{"name": "cbr0", "type": "bridge", "ipam": {"type": "../sh"}}' >${place}`,
      `echo '{"name": "cbr0", "type": "bridge", "ipam": {"type": 7}}' >${place}`,
      `yes '[' | head -c 100000 | tr -d '\\n' >${place}`,
      `rm ${place}; mkfifo ${place}`,
      `rm ${place}; mkdir ${place}`,
      `rm ${place}; ln -s /etc/passwd ${place}`,
    ]) {
      const result = await host.add(pod, config);
      await host.node.exec("sh", ["-c", spoil]);
      // This one says that the delegate got other keys.
      if (!spoil.includes('"cniVersion": "7"')) await host.check(pod, config, result);
      await host.del(pod, config);
      expect([files(), await reservations(host.node, "cbr0")], spoil).toEqual([[], []]);
    }
  });

  test("DEL needs no namespace, no CNI_PATH, no flanneld", async () => {
    await host.add(pod, config);
    await host.node.exec("rm", ["-r", "/run/flannel"]);
    await host.node.deleteNetns("a");
    await host.del({ ...pod, netns: "" }, config, { path: "" });
    expect([files(), await reservations(host.node, "cbr0")]).toEqual([[], []]);
  });

  test("DEL that fails keeps the file, so that the next one removes all", async () => {
    await host.node.exec("sh", ["-c", "mkdir -p /run/bin"]);
    const path = `${delegatePath}:${distBin}`;
    const keys = { ...config, delegate: { type: "far" } };
    const result = { cniVersion: "1.1.0", ips: [{ address: "10.244.1.9/24" }] };
    addDelegate(host.node, "far", { ADD: print(result), DEL: "exit 1" });
    expect((await host.add(pod, keys, { path })).ips).toEqual(result.ips);
    failed(await host.call("DEL", pod, keys, { path }), 999, /far failed DEL/);
    expect(files()).toEqual(["id-a"]);
    addDelegate(host.node, "far", { DEL: "true" });
    await host.del(pod, keys, { path });
    expect(files()).toEqual([]);
    expect(verbsOf(host.node, "far")).toEqual(["ADD", "DEL", "DEL"]);
    // Nothing is left that another program's plugin could be asked for.
    await host.del(pod, keys, { path });
    expect(verbsOf(host.node, "far")).toHaveLength(3);
  });

  test("a delegate that fails ADD is asked for DEL, and leaves no file", async () => {
    addDelegate(host.node, "far", { ADD: "exit 3", DEL: "true" });
    const keys = { ...config, delegate: { type: "far" } };
    failed(await host.call("ADD", pod, keys, { path: `${delegatePath}:${distBin}` }), 999, /far failed ADD/);
    expect([files(), verbsOf(host.node, "far")]).toEqual([[], ["ADD", "DEL"]]);
  });

  test("another podwire as delegate does not wait for the lock of its caller", async () => {
    await host.node.exec("sh", ["-c", `mkdir /run/bin; cp ${builtPlugin("bridge")} /run/bin/bridge`]);
    const path = `/run/bin:${distBin}`;
    await host.add(pod, config, { path, env: { PODWIRE_LOCK_TIMEOUT: "2" } });
    await host.del(pod, config, { path, env: { PODWIRE_LOCK_TIMEOUT: "2" } });
    expect(await reservations(host.node, "cbr0")).toEqual([]);
  });

  test("GC removes the network's former attachments and files, also of a former delegate", async () => {
    const [b, c] = await host.pods("b", "c");
    await host.add(pod, config);
    await host.add(b, { ...config, delegate: { type: "ptp" } });
    await host.add(c, { ...config, name: "other", delegate: { bridge: "br9" } });
    write(`${dataDir}/id-old`, JSON.stringify({ name: "cbr0", type: "bridge" }));
    await host.gc(config, [pod, b]);
    expect(files()).toEqual(["id-a", "id-b", "id-c"]);
    await host.gc(config, [pod]);
    expect([files(), await reservations(host.node, "cbr0")]).toEqual([["id-a", "id-c"], ["10.244.1.2"]]);
    await host.gc(config, []);
    expect([files(), await reservations(host.node, "cbr0")]).toEqual([["id-c"], []]);
    expect(await reservations(host.node, "other")).toHaveLength(1);
  });
});

describe.runIf(canRun(...programs, referencePlugin("bridge")))("beside flannel's own plugin", () => {
  beforeEach(prepare);

  /** What flannel's own plugin (1.9) keeps, and gives the bridge plugin of the reference set. */
  const kept: Keys = {
    cniVersion: "1.0.0",
    hairpinMode: true,
    ipMasq: false,
    ipam: {
      ranges: [[{ subnet: "10.244.1.0/24" }]],
      routes: [{ dst: "10.244.0.0/16" }],
      type: "host-local",
    },
    isDefaultGateway: true,
    isGateway: true,
    mtu: 1450,
    name: "cbr0",
    type: "bridge",
  };

  test("what it has attached, CHECK accepts and DEL removes", async () => {
    const keys = { ...config, cniVersion: "1.0.0" };
    const reference = new Host(host.node, referencePlugin("bridge"), referenceBin);
    const result = await reference.add(pod, kept);
    write(`${dataDir}/id-a`, JSON.stringify(kept));
    await host.check(pod, keys, result);
    // A second interface leaves the file alone, which does not say whose it is.
    const second = { ...pod, ifname: "net1" };
    await host.add(second, { ...keys, delegate: { type: "ptp" } });
    await host.del(second, { ...keys, delegate: { type: "ptp" } });
    expect(files()).toEqual(["id-a"]);
    await host.del(pod, keys);
    expect([files(), await reservations(host.node, "cbr0")]).toEqual([[], []]);
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo"]);
  });

  test("what it has attached with addresses that nothing has reserved, DEL knows by the result", async () => {
    const ipam = { type: "static", addresses: [{ address: "10.244.1.9/24" }] };
    const delegated = { ...kept, ipam };
    const keys = { ...config, cniVersion: "1.0.0", ipam };
    const reference = new Host(host.node, referencePlugin("bridge"), referenceBin);
    const result = await reference.add(pod, delegated);
    write(`${dataDir}/id-a`, JSON.stringify(delegated));
    await host.del(pod, { ...keys, prevResult: result });
    expect((await links(host.node, "a")).map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect(files()).toEqual([]);
  });

  test("it removes what we have attached: by the file of its name, and the bridge plugin of the reference set", async () => {
    const keys = { ...config, cniVersion: "1.0.0" };
    const { ips } = await host.add(pod, keys);
    const { podwireInterface, ...file } = saved("id-a");
    expect([podwireInterface, file]).toEqual(["eth0", kept]);
    const reference = new Host(host.node, referencePlugin("bridge"), referenceBin);
    expect(ips).toHaveLength(1);
    await reference.del(pod, saved("id-a"));
    expect(await reservations(host.node, "cbr0")).toEqual([]);
    await host.del(pod, keys);
    expect(files()).toEqual([]);
  });
});

test.runIf(canRun("ip"))("static addresses are not compared with the node's subnet", async () => {
  const dispose = await prepare();
  try {
    const ipam = { type: "static", addresses: [{ address: "192.0.2.9/24" }] };
    const keys = { ...config, delegate: { type: "bridge", isGateway: false }, ipam };
    await host.check(pod, keys, await host.add(pod, keys));
  } finally {
    await dispose();
  }
});
