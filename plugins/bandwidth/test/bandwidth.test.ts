import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startDigest, transfer } from "../../../test/helpers/bulk.ts";
import { builtPlugin, canRun, ping, referenceBin, referencePlugin } from "../../../test/helpers/index.ts";
import { failed, Host, type Keys, succeeded } from "../../../test/plugins/attachment/host.ts";
import { link } from "../../../test/plugins/attachment/kernel-state.ts";
import { config, limits, network, nothing, programs, World } from "./world.ts";

let world: World;

const prepare = async () => {
  world = await World.create();
};
const dispose = () => world[Symbol.asyncDispose]();

describe.runIf(canRun(...programs))("bandwidth", () => {
  beforeEach(prepare);
  afterEach(dispose);

  test("limits both directions by token buckets, and reports the ifb device", async () => {
    const result = await world.add();
    const [, , ifb] = result.interfaces;
    expect(result).toEqual({ ...world.prevResult, interfaces: [...world.prevResult.interfaces, ifb] });
    expect(ifb).toEqual({ name: expect.stringMatching(/^bwp[0-9a-f]{12}$/), mac: expect.any(String) });
    const device = await link(world.host.node, ifb.name);
    expect(device).toMatchObject({ address: ifb.mac, mtu: 1500, linkinfo: { info_kind: "ifb" } });
    expect(device.flags).toContain("UP");
    expect(device.ifalias).toBe(`podwire network=net container=id-a interface=eth0 shapes=${world.end}`);
    expect(await world.root(world.end)).toMatchObject({
      kind: "tbf",
      handle: "1:",
      options: { rate: 1_000_000, burst: 50_000, lat: 25_000 },
    });
    expect(await world.root(ifb.name)).toMatchObject({
      kind: "tbf",
      handle: "1:",
      options: { rate: 2_000_000, burst: 100_000, lat: 25_000 },
    });
    const filters = await world.tc("filter", "show", "dev", world.end, "parent", "ffff:");
    expect(filters).toMatch(
      new RegExp(
        `match 00000000/00000000 at 0\\s+action order 1: mirred \\(Egress Redirect to device ${ifb.name}\\) stolen`,
      ),
    );
    await world.host.check(world.pod, { ...config, ...limits }, result);
    await world.host.del(world.pod, { ...config, ...limits, prevResult: result });
    expect(await world.traces()).toEqual(nothing);
  });

  test("traffic of both directions passes the buckets, and has to wait there", async () => {
    const result = await world.add();
    const { node } = world.host;
    const [, , ifb] = result.interfaces;
    const bytes = 500_000;
    await startDigest(node, 7000, "a");
    await startDigest(node, 7001);
    for (const [address, port, netns] of [
      ["10.1.0.2", 7000, undefined],
      ["10.1.0.1", 7001, "a"],
    ] as const) {
      const options = { port, bytes, ...(netns === undefined ? {} : { netns }) };
      const { sent, received } = await transfer(node, "stream", address, options);
      expect(received).toBe(sent);
    }
    for (const device of [world.end, ifb.name]) {
      const bucket = await world.root(device);
      expect(bucket?.bytes).toBeGreaterThan(bytes);
      expect(bucket?.overlimits).toBeGreaterThan(0);
    }
    expect(await ping(node, "fd00:1::2")).toBe(true);
  });

  test.each([
    ["receives", { ingressRate: 8_000_000, ingressBurst: 400_000 }, 0],
    ["sends", { egressRate: 8_000_000, egressBurst: 400_000 }, 1],
  ])("limits only what a container %s", async (_, keys, devices) => {
    const result = await world.add(keys);
    expect(await world.ifbs()).toHaveLength(devices);
    expect(result.interfaces).toHaveLength(2 + devices);
    expect((await world.root(world.end))?.kind).toBe(devices === 0 ? "tbf" : undefined);
    await world.host.check(world.pod, { ...config, ...keys }, result);
    await world.host.del(world.pod, { ...config, ...keys });
    expect(await world.traces()).toEqual(nothing);
  });

  test("takes the limits of runtimeConfig, unless the configuration has any, if only 0", async () => {
    const runtimeConfig = { bandwidth: limits };
    const result = await world.add({ runtimeConfig });
    expect(result.interfaces).toHaveLength(3);
    await world.host.check(world.pod, { ...config, runtimeConfig }, result);
    await world.host.del(world.pod, { ...config, runtimeConfig });
    const own = await world.add({ runtimeConfig, ingressRate: 80_000, ingressBurst: 80_000 });
    expect(own.interfaces).toHaveLength(2);
    expect(await world.root(world.end)).toMatchObject({ options: { rate: 10_000 } });
    await world.host.del(world.pod, { ...config, ingressRate: 80_000, ingressBurst: 80_000 });
    await world.add({ runtimeConfig, ingressRate: 0 });
    expect(await world.traces()).toEqual(nothing);
    // What is void may be wrong.
    await world.add({ runtimeConfig: { bandwidth: { egressRate: 8000 } }, ingressRate: 0 });
  });

  test("rates of more than 32 bits reach the kernel whole, and frames pass", async () => {
    const { node } = world.host;
    for (const networks of [{}, { unshapedSubnets: ["192.0.2.0/24"] }]) {
      const keys = {
        ...networks,
        ingressRate: 100e9,
        ingressBurst: 80_000,
        egressRate: 80e9,
        egressBurst: 80_000,
      };
      const result = await world.add(keys);
      expect((await world.root(result.interfaces[2].name))?.options?.rate).toBe(10e9);
      const root = await world.root(world.end);
      if (root?.kind === "htb")
        expect(await world.tc("class", "show", "dev", world.end)).toContain("rate 100Gbit ceil 100Gbit");
      else expect(root?.options?.rate).toBe(12.5e9);
      await world.host.check(world.pod, { ...config, ...keys }, result);
      // Full frames: fragments would be smaller.
      for (const [target, netns] of [
        ["10.1.0.2", {}],
        ["10.1.0.1", { netns: "a" }],
      ] as const)
        await node.exec("ping", ["-n", "-c", "1", "-W", "5", "-M", "do", "-s", "1472", target], netns);
      await world.host.del(world.pod, { ...config, ...keys });
    }
  });

  test("without limits it passes the result on", async () => {
    for (const keys of [{}, { ingressRate: 0, ingressBurst: 0 }, { runtimeConfig: { bandwidth: {} } }]) {
      expect(await world.add(keys)).toEqual(world.prevResult);
      await world.host.check(world.pod, { ...config, ...keys }, world.prevResult);
      await world.host.del(world.pod, { ...config, ...keys, prevResult: world.prevResult });
    }
    expect(await world.traces()).toEqual(nothing);
  });

  test.runIf(canRun("strace"))("without limits no call asks the kernel for anything", async () => {
    const { node } = world.host;
    for (const command of ["ADD", "CHECK", "DEL"]) {
      const env = {
        CNI_COMMAND: command,
        CNI_CONTAINERID: "id-a",
        CNI_NETNS: world.pod.netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: "/nowhere",
      };
      const input = JSON.stringify(world.keys({}));
      const args = ["-f", "-e", "trace=socket,sendto,setns", "-o", "/run/trace", builtPlugin("bandwidth")];
      await node.exec("strace", args, { env, input });
      const { stdout } = await node.exec("sh", ["-c", "grep -E 'socket|sendto|setns' /run/trace || true"]);
      expect(stdout, command).toBe("");
    }
  });

  test("a second interface of the container in the network has a device of its own", async () => {
    const first = await world.add();
    const second = { ...world.pod, ifname: "net1" };
    const other = await world.ptp.add(second, network);
    const result = await world.host.add(second, { ...config, ...limits, prevResult: other });
    expect(new Set(await world.ifbs()).size).toBe(2);
    await world.host.check(second, { ...config, ...limits }, result);
    await world.host.del(second, { ...config, ...limits, prevResult: result });
    await world.host.check(world.pod, { ...config, ...limits }, first);
    await world.host.del(world.pod, { ...config, ...limits, prevResult: first });
    expect(await world.ifbs()).toEqual([]);
  });

  test("containers whose network and ID make the same text have devices of their own", async () => {
    // "net" and "id-a" read like "ne" and "tid-a".
    const first = await world.add();
    const pod = { ...(await world.ptp.pod("b")), containerId: "tid-a" };
    const keys = { ...config, ...limits, name: "ne" };
    const prevResult = await world.ptp.add(pod, {
      ...network,
      name: "ne",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.2.0.0/24" }]] },
    });
    const result = await world.host.add(pod, { ...keys, prevResult });
    expect(new Set(await world.ifbs()).size).toBe(2);
    await world.host.del(pod, { ...keys, prevResult: result });
    expect(await world.ifbs()).toEqual([first.interfaces[2].name]);
    await world.host.check(world.pod, { ...config, ...limits }, first);
  });

  test("a repeated ADD, as after a kill, sets the limits once", async () => {
    await world.add({ ...limits, ingressRate: 80_000 });
    const result = await world.add();
    await world.host.check(world.pod, { ...config, ...limits }, result);
    expect(await world.qdiscs()).toHaveLength(3);
    expect(await world.ifbs()).toHaveLength(1);
  });

  test("leaves the qdisc of another program alone, and says which it is", async () => {
    await world.tc("qdisc", "add", "dev", world.end, "root", "handle", "7:", "bfifo");
    const before = await world.traces();
    failed(
      await world.host.call("ADD", world.pod, world.keys()),
      999,
      /qdisc bfifo of another program.*tc qdisc delete/,
    );
    expect(await world.traces()).toEqual(before);
    await world.host.del(world.pod, { ...config, ...limits });
    expect(await world.traces()).toEqual(before);
  });

  test("the guard of 127.0.0.0/8, which portmap makes, is asked before packets are redirected, and stays", async () => {
    const portmap = new Host(world.host.node, builtPlugin("portmap"));
    const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80 }] };
    const ports = { cniVersion: "1.0.0", name: "net", type: "portmap", runtimeConfig };
    await portmap.add(world.pod, { ...ports, prevResult: world.prevResult });
    const guard = async () => await world.tc("filter", "show", "dev", world.end, "ingress");
    const before = await guard();
    const result = await world.add();
    const { stdout } = await world.host.node.exec("tc", [
      "-j",
      "filter",
      "show",
      "dev",
      world.end,
      "ingress",
    ]);
    const priorities = (JSON.parse(stdout) as { pref: number; kind: string }[]).map(({ pref, kind }) => [
      pref,
      kind,
    ]);
    expect(priorities[0]).toEqual([127, "bpf"]);
    expect(priorities.at(-1)).toEqual([200, "u32"]);
    await world.host.check(world.pod, { ...config, ...limits }, result);
    await world.host.del(world.pod, { ...config, ...limits });
    expect(await guard()).toBe(before);
    await portmap.check(world.pod, ports, world.prevResult);
  });

  const refusals: [string, Keys, number, RegExp][] = [
    ["no previous plugin", { ...limits, prevResult: undefined }, 7, /ADD needs prevResult/],
    ["no previous plugin, without limits", { prevResult: undefined }, 7, /ADD needs prevResult/],
    ["a rate without a burst", { ingressRate: 8000 }, 7, /if rate is set, burst must also be set/],
    ["a burst without a rate", { egressBurst: 8000 }, 7, /if burst is set, rate must also be set/],
    [
      "a burst that is too large",
      { egressRate: 8000, egressBurst: 34359738360 },
      7,
      /burst cannot be more than 4GB/,
    ],
    ["a rate of less than a byte", { egressRate: 7, egressBurst: 8000 }, 7, /"egressRate" is 7/],
    ["a negative rate", { egressRate: -8, egressBurst: 8000 }, 7, /"egressRate" is -8/],
    [
      "a rate that is no number",
      { ingressRate: "1M", ingressBurst: 8000 },
      6,
      /"ingressRate" must be a whole number/,
    ],
    [
      "what the runtime asks for",
      { runtimeConfig: { bandwidth: { ingressRate: 8000 } } },
      7,
      /burst must also be set.*runtimeConfig\.bandwidth\.ingressBurst/,
    ],
    [
      "both kinds of subnets",
      { ...limits, shapedSubnets: ["10.0.0.0/8"], unshapedSubnets: ["10.0.0.0/8"] },
      7,
      /cannot be set together/,
    ],
    ["what is no subnet", { ...limits, shapedSubnets: ["10.0.0.0/33"] }, 7, /no network: "10\.0\.0\.0\/33"/],
    [
      "a result without the host's end",
      {
        ...limits,
        prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: "/run/netns/a" }] },
      },
      7,
      /no host interface found for "eth0"/,
    ],
  ];
  test.each(refusals)("refuses %s, and changes nothing", async (_, keys, code, words) => {
    failed(await world.host.call("ADD", world.pod, { ...world.keys({}), ...keys }), code, words);
    expect(await world.traces()).toEqual(nothing);
  });

  test("refuses an interface that is no pair, in words", async () => {
    const { node } = world.host;
    await node.exec("ip", ["link", "add", "net1", "type", "bridge"], { netns: "a" });
    const pod = { ...world.pod, ifname: "net1" };
    failed(await world.host.call("ADD", pod, world.keys()), 7, /of the kind bridge: remove bandwidth/);
    failed(
      await world.host.call("ADD", { ...pod, ifname: "net2" }, world.keys()),
      999,
      /net2 is missing.*put bandwidth after/,
    );
    expect(await world.traces()).toEqual(nothing);
  });

  test("CHECK names what is not as it was", async () => {
    const result = await world.add();
    const [, , { name }] = result.interfaces;
    const expectDrift = async (words: RegExp) =>
      failed(
        await world.host.call("CHECK", world.pod, { ...config, ...limits, prevResult: result }),
        999,
        words,
      );
    await world.tc(
      "qdisc",
      "change",
      "dev",
      name,
      "root",
      "handle",
      "1:",
      "tbf",
      "rate",
      "1mbit",
      "burst",
      "9k",
      "limit",
      "9k",
    );
    await expectDrift(/tbf of bwp\w+ does not limit to 16000000 bits a second/);
    await world.tc("qdisc", "delete", "dev", world.end, "root");
    await expectDrift(new RegExp(`${world.end} has no qdisc, expected tbf`));
    await world.tc("filter", "delete", "dev", world.end, "ingress");
    await expectDrift(/a filter of veth\w+ is missing, which chooses what the container sends/);
    await world.host.node.exec("ip", ["link", "set", name, "down"]);
    await expectDrift(/is down: what the container sends is lost.*ip link set/);
    await world.host.node.exec("ip", ["link", "delete", name]);
    await expectDrift(/the ifb device bwp\w+ is missing/);
  });

  test("STATUS succeeds, and says what is wrong with the configuration", async () => {
    const keys = { ...config, cniVersion: "1.1.0" };
    succeeded(await world.host.call("STATUS", undefined, { ...keys, ...limits }));
    succeeded(await world.host.call("STATUS", undefined, keys));
    failed(
      await world.host.call("STATUS", undefined, { ...keys, egressRate: 8000 }),
      7,
      /burst must also be set/,
    );
  });
});

describe.runIf(canRun(...programs, referencePlugin("bandwidth")))(
  "beside the reference plugin, bandwidth",
  () => {
    beforeEach(prepare);
    afterEach(dispose);

    test.each([
      ["usual limits", limits],
      [
        "the bursts of containerd",
        { ingressRate: 10_000_000, ingressBurst: 0xffffffff, egressRate: 2_000_000, egressBurst: 0xffffffff },
      ],
    ])("makes the same qdiscs, and each checks and removes what the other made: %s", async (_, keys) => {
      const reference = new Host(world.host.node, referencePlugin("bandwidth"), referenceBin);
      const shape = async () => {
        const all = await world.qdiscs();
        return all.map(({ dev, kind, handle, parent, options }) => ({
          dev: dev === world.end ? "" : dev,
          kind,
          handle,
          parent,
          options,
        }));
      };
      const seen: unknown[] = [];
      for (const [maker, remover] of [
        [reference, world.host],
        [world.host, reference],
      ] as const) {
        const result = await maker.add(world.pod, world.keys(keys));
        seen.push(await shape());
        await remover.check(world.pod, { ...config, ...keys }, result);
        await remover.del(world.pod, { ...config, ...keys });
        expect(await world.ifbs()).toEqual([]);
        await world.ptp.del(world.pod, network);
        world.prevResult = await world.ptp.add(world.pod, network);
      }
      expect(seen[0]).toEqual(seen[1]);
    });

    test("a DEL of another interface leaves the device that the reference plugin made", async () => {
      const reference = new Host(world.host.node, referencePlugin("bandwidth"), referenceBin);
      const made = await reference.add(world.pod, world.keys());
      const second = { ...world.pod, ifname: "net1" };
      const other = await world.ptp.add(second, network);
      const result = await world.host.add(second, { ...config, ...limits, prevResult: other });
      expect(await world.ifbs()).toHaveLength(2);
      await world.host.del(second, { ...config, ...limits, prevResult: result });
      await world.host.del(second, { ...config, ...limits, prevResult: other });
      expect(await world.ifbs()).toEqual([made.interfaces[2].name]);
      await world.host.check(world.pod, { ...config, ...limits }, made);
    });
  },
);
