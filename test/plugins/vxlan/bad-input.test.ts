/** Configurations that cannot work: a clear error, and nothing changed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState } from "../attachment/witness.ts";
import {
  createWorld,
  failed,
  type Keys,
  l2Network,
  l3Network,
  programs,
  succeeded,
  type World,
} from "./world.ts";

const canRunAll = canRun(...programs);
let world: World;

beforeAll(async () => {
  if (!canRunAll) return;
  world = await createWorld(2);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const peers = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    vtep: `198.51.${100 + Math.floor(at / 200)}.${(at % 200) + 1}`,
  }));
const discovery = (list: unknown) => ({ discovery: { type: "static", peers: list } });

interface Bad {
  readonly what: string;
  readonly mode?: "l3";
  readonly keys: Keys;
  readonly code?: number;
  readonly words: RegExp;
}

const l3 = (keys: Keys) => ({ l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"], ...keys } });
const peer = (keys: Keys) => discovery([{ vtep: "192.0.2.2", ...keys }]);

const bad: readonly Bad[] = [
  { what: "no mode", keys: { mode: undefined }, words: /"mode" is missing/ },
  { what: "unknown mode", keys: { mode: "l4" }, words: /"mode" is "l4"/ },
  { what: "no VNI", keys: { vni: undefined }, words: /"vni" is missing/ },
  { what: "VNI too large", keys: { vni: 16777216 }, words: /"vni" is 16777216.*0 to 16777215/ },
  { what: "negative VNI", keys: { vni: -1 }, words: /"vni" is -1/ },
  { what: "VNI of another type", keys: { vni: "100" }, code: 6, words: /"vni" must be a whole number/ },
  { what: "port", keys: { port: 65536 }, words: /"port" is 65536/ },
  { what: "source ports", keys: { srcPort: [9, 1] }, words: /"srcPort" is no range/ },
  { what: "DF", keys: { df: "yes" }, words: /"df" is "yes"/ },
  { what: "interface name", keys: { device: "a/b" }, words: /"device" is no interface name/ },
  { what: "MTU that cannot fit", keys: { mtu: 1451 }, words: /"mtu" is 1451.*at most 1450/ },
  {
    what: "local address that is none",
    keys: { underlay: { local: "here" } },
    words: /"underlay.local" is no IP/,
  },
  {
    what: "local address of another node",
    keys: { underlay: { local: "192.0.2.2" } },
    code: 11,
    words: /192.0.2.2 is not one of this node/,
  },
  {
    what: "underlay interface that is missing",
    keys: { underlay: { dev: "eth7" } },
    code: 11,
    words: /eth7 is missing/,
  },
  { what: "no peers and no interface", keys: discovery([]), words: /"underlay" names no interface/ },
  {
    what: "unknown source of peers",
    keys: { discovery: { type: "etcd" } },
    words: /"discovery.type" is "etcd"/,
  },
  {
    what: "peer without address",
    keys: discovery([{ vtep: "192.0.2.2" }, { name: "x" }]),
    words: /peers\[1\].vtep" is missing/,
  },
  {
    what: "peer of another family",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "2001:db8::2" }]),
    words: /peers\[1\].*another family/,
  },
  {
    what: "own address among the peers",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.1" }]),
    words: /own address 192.0.2.1/,
  },
  {
    what: "own address as the first peer",
    keys: discovery([{ vtep: "192.0.2.1" }]),
    words: /own address 192.0.2.1/,
  },
  {
    what: "peer twice",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "192.0.2.2" }]),
    words: /192.0.2.2, as "discovery.peers\[0\]" has/,
  },
  {
    what: "peer that is a group",
    keys: discovery([{ vtep: "192.0.2.2" }, { vtep: "239.1.1.1" }]),
    words: /239.1.1.1, which is not that of one node/,
  },
  { what: "subnets in the mode l2", keys: peer({ subnets: ["10.1.0.0/24"] }), words: /has subnets/ },
  {
    what: "MAC address of a group",
    keys: peer({ macs: { "01:00:5e:00:00:01": "10.10.0.9" } }),
    words: /is no MAC address/,
  },
  {
    what: "group without interface",
    keys: { l2: { flood: "multicast", group: "239.1.1.1" } },
    words: /"l2.group" needs underlay.dev/,
  },
  {
    what: "group that is none",
    keys: { underlay: { dev: "eth0" }, l2: { flood: "multicast", group: "10.1.1.1" } },
    words: /no multicast address/,
  },
  {
    what: "multicast without group",
    keys: { underlay: { dev: "eth0" }, l2: { flood: "multicast" } },
    words: /"l2.group" is missing/,
  },
  {
    what: "guard without peers",
    keys: {
      underlay: { dev: "eth0" },
      l2: { flood: "multicast", group: "239.1.1.1" },
      guard: true,
      discovery: {},
    },
    words: /"guard" needs peers/,
  },
  {
    what: "too many copies of a broadcast",
    keys: { underlay: { dev: "eth0" }, ...discovery(peers(256)) },
    words: /sent 256 times/,
  },
  { what: "no ipam", mode: "l3", keys: { ipam: undefined }, words: /"ipam" names no plugin/ },
  { what: "learning", mode: "l3", keys: { learning: true }, words: /"learning" is true/ },
  { what: "DF that makes a black hole", mode: "l3", keys: { df: "set" }, words: /ip_forward_use_pmtu=1/ },
  { what: "no networks", mode: "l3", keys: { l3: {} }, words: /"l3.network" is missing/ },
  {
    what: "exceptions that are no list",
    mode: "l3",
    keys: { nonMasqueradeCIDRs: "10.0.0.0/8" },
    code: 6,
    words: /"nonMasqueradeCIDRs" must be a list/,
  },
  {
    what: "host bits",
    mode: "l3",
    keys: l3({ subnets: ["10.244.1.1/24"] }),
    words: /has host bits set.*10.244.1.0\/24/,
  },
  {
    what: "own subnet outside of the network",
    mode: "l3",
    keys: l3({ subnets: ["10.245.1.0/24"] }),
    words: /10.245.1.0\/24, which is not in l3.network/,
  },
  {
    what: "peer's subnet outside of the network",
    mode: "l3",
    keys: peer({ subnets: ["10.245.2.0/24"] }),
    words: /10.245.2.0\/24 outside of l3.network/,
  },
  {
    what: "peer's subnet that is the node's own",
    mode: "l3",
    keys: peer({ subnets: ["10.244.1.128/25"] }),
    words: /10.244.1.128\/25, which overlaps 10.244.1.0\/24 of this node's own/,
  },
  {
    what: "overlapping subnets of peers",
    mode: "l3",
    keys: discovery([
      { vtep: "192.0.2.2", subnets: ["10.244.2.0/23"] },
      { vtep: "192.0.2.3", subnets: ["10.244.3.0/24"] },
    ]),
    words: /overlaps/,
  },
  {
    what: "MAC address twice",
    mode: "l3",
    keys: discovery([
      { vtep: "192.0.2.2", mac: "02:00:00:00:00:01" },
      { vtep: "192.0.2.3", mac: "02:00:00:00:00:01" },
    ]),
    words: /the MAC address 02:00:00:00:00:01, as/,
  },
  {
    what: "IPAM ranges that are not the node's",
    mode: "l3",
    keys: { ipam: { type: "host-local", subnet: "10.9.0.0/24" } },
    words: /10.9.0.\d+\/24, which is not in this node's l3.subnets/,
  },
];

describe.runIf(canRunAll)("a configuration with", () => {
  test.each(bad)(
    "$what is refused by ADD, which changes nothing",
    async ({ mode, keys, code = 7, words }) => {
      const host = world.host(0);
      const config = mode === "l3" ? l3Network(world, 0, keys) : l2Network(world, 0, keys);
      const pod = await host.pod("pod");
      try {
        const before = await hostState(host.node);
        const run = await host.call("ADD", pod, config);
        failed(run, code, words);
        const after = await hostState(host.node);
        // A file of IPAM's index is nobody's, as our empty table; forwarding is switched on for the node.
        const shared = { files: [], sysctls: [], nftables: [] };
        expect({ ...after, ...shared }).toEqual({ ...before, ...shared });
        expect(after.nftables.join()).not.toContain("vteps");
      } finally {
        await host.node.deleteNetns("pod");
      }
    },
  );

  test("64 peers to send every broadcast to comes with a warning", async () => {
    const host = world.host(0);
    const config = l2Network(world, 0, {
      underlay: { dev: "eth0" },
      keepDevice: false,
      ...discovery(peers(64)),
    });
    const pod = await host.pod("warned");
    const run = succeeded(await host.call("ADD", pod, config));
    expect(run.stderr).toMatch(/sent 64 times/);
    await host.del(pod, config);
    const silent = succeeded(await host.call("ADD", pod, { ...config, l2: { arp: "suppress" } }));
    expect(silent.stderr).toBe("");
    await host.del(pod, config);
  });
});

describe.runIf(canRunAll)("a conflict", () => {
  test("with a VXLAN device of the same VNI and port is named", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    await node.exec("ip", "link add other type vxlan id 100 dstport 4789 local 192.0.2.1".split(" "));
    const before = await hostState(node);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /the VXLAN device other already has the VNI 100/);
    expect(await hostState(node)).toEqual(before);
    failed(await own.host(0).call("STATUS", undefined, l3Network(own, 0)), 7, /the VXLAN device other/);
  });

  test("with a device that takes every VNI of the port is named", async () => {
    await using own = await createWorld(2);
    await own.host(0).node.exec("ip", "link add other type vxlan external dstport 4789".split(" "));
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /the VXLAN device other takes every VNI/);
  });

  test("with an interface of its name is named", async () => {
    await using own = await createWorld(2);
    await own.host(0).node.exec("ip", ["link", "add", "vx100", "type", "bridge"]);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /"vx100" exists and is not of the network "net"/);
  });

  test("with a program on the port is named, and leaves nothing", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    const script =
      'const s = require("dgram").createSocket("udp4"); s.bind(4789, () => console.log("bound"))';
    await using socket = node.start(process.execPath, ["-e", script]);
    expect(await socket.firstLine()).toBe("bound");
    failed(await own.host(0).call("STATUS", undefined, l3Network(own, 0)), 50, /UDP port 4789 is taken/);
    const before = await hostState(node);
    const run = await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0));
    failed(run, 7, /UDP port 4789, which vx100 needs, is taken/);
    const strip = (state: Awaited<ReturnType<typeof hostState>>) => ({ ...state, nftables: [] });
    expect(strip(await hostState(node))).toEqual(strip(before));
  });

  test("with a route of somebody else is named, and leaves nothing", async () => {
    await using own = await createWorld(2);
    const { node } = own.host(0);
    await node.exec("ip", "route add 10.244.2.0/24 via 192.0.2.9".split(" "));
    const before = await hostState(node);
    failed(
      await own.host(0).call("ADD", await own.host(0).pod("pod"), l3Network(own, 0)),
      7,
      /10.244.2.0\/24.*already exists/,
    );
    const strip = (state: Awaited<ReturnType<typeof hostState>>) => ({ ...state, nftables: [] });
    expect(strip(await hostState(node))).toEqual(strip(before));
  });

  test.each([
    ["VNI", { vni: 101, device: "vx100" }, /VNI \(100, configured is 101\)/],
    ["port", { port: 8472 }, /UDP port \(4789, configured is 8472\)/],
    ["name", { device: "vxother" }, /the name \(vx100, configured is vxother\)/],
  ])(
    "of a new %s with pods that use the device is refused, and made once they are gone",
    async (_, keys, words) => {
      await using own = await createWorld(2);
      const host = own.host(0);
      const [one, two] = await host.pods("one", "two");
      await host.add(one, l3Network(own, 0));
      const before = await hostState(host.node);
      failed(await host.call("ADD", two, l3Network(own, 0, keys)), 7, words);
      expect(await hostState(host.node)).toEqual(before);
      await host.del(one, l3Network(own, 0));
      await host.add(two, l3Network(own, 0, keys));
      const links = await host.node.execJson<{ ifname: string }[]>("ip", [
        "-j",
        "link",
        "show",
        "type",
        "vxlan",
      ]);
      expect(links.filter(({ ifname }) => ifname !== undefined)).toHaveLength(1);
    },
  );
});
