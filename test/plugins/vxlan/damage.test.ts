/** What is done to an overlay by hand: CHECK names it, and the next ADD repairs it. */
import { describe, expect, test } from "vitest";
import { canRun, type Node, ping } from "../../helpers/index.ts";
import { moveChain } from "../attachment/packet-filter.ts";
import {
  type AttachedPod,
  attach,
  attachEverywhere,
  createWorld,
  failed,
  l3Network,
  networkOf,
  overlayOf,
  programs,
} from "./world.ts";

const reaches = (from: AttachedPod | undefined, to: AttachedPod | undefined) =>
  ping(from?.host.node as Node, to?.addresses[0] ?? "", { netns: from?.name ?? "", seconds: 3 });

/** A change by hand on the first node, and how CHECK names it. */
interface Damage {
  readonly what: string;
  readonly mode: "l2" | "l3";
  readonly command: string;
  readonly words: RegExp;
  readonly program?: string;
}

const damages: readonly Damage[] = [
  { what: "device deleted", mode: "l3", command: "link delete vx100", words: /vx100 is missing/ },
  { what: "device deleted", mode: "l2", command: "link delete vx100", words: /vx100 is missing/ },
  { what: "device down", mode: "l3", command: "link set vx100 down", words: /state of vx100 is down/ },
  {
    what: "device down and up",
    mode: "l3",
    command: "link set vx100 down; link set vx100 up",
    words: /missing: neighbour 10.244.2.0/,
  },
  {
    what: "MTU",
    mode: "l2",
    command: "link set vx100 mtu 1400",
    words: /MTU of vx100 is 1400, expected 1450/,
  },
  {
    what: "MAC address",
    mode: "l3",
    command: "link set vx100 address 02:00:00:00:00:09",
    words: /MAC address of vx100/,
  },
  { what: "master", mode: "l2", command: "link set vx100 nomaster", words: /master index of vx100 is 0/ },
  {
    what: "local address",
    mode: "l3",
    command: "link set vx100 type vxlan id 100 local 192.0.2.77",
    words: /local address of vx100 is 192.0.2.77, expected 192.0.2.1/,
  },
  {
    what: "learning",
    mode: "l2",
    command: "link set vx100 type vxlan id 100 nolearning",
    words: /learning of vx100/,
  },
  {
    what: "another device in its place",
    mode: "l3",
    command: "link set vx100 alias stranger",
    words: /not this network's VXLAN device/,
  },
  {
    what: "peer entry gone",
    mode: "l3",
    program: "bridge",
    command: "fdb delete 0e:76:c0:00:02:02 dev vx100 dst 192.0.2.2 self",
    words: /missing: forwarding entry 0e:76:c0:00:02:02 -> 192.0.2.2/,
  },
  {
    what: "peer entry gone",
    mode: "l2",
    program: "bridge",
    command: "fdb delete 00:00:00:00:00:00 dev vx100 dst 192.0.2.2",
    words: /missing: flood entry -> 192.0.2.2/,
  },
  {
    what: "peer entry wrong",
    mode: "l3",
    program: "bridge",
    command: "fdb replace 0e:76:c0:00:02:02 dev vx100 dst 192.0.2.99 self",
    words: /192.0.2.99.*expected.*192.0.2.2/,
  },
  {
    what: "foreign entry",
    mode: "l3",
    program: "bridge",
    command: "fdb add 02:00:00:00:00:01 dev vx100 dst 192.0.2.66 self",
    words: /foreign: forwarding entry 02:00:00:00:00:01 -> 192.0.2.66/,
  },
  {
    what: "foreign entry",
    mode: "l2",
    program: "bridge",
    command: "fdb append 00:00:00:00:00:00 dev vx100 dst 192.0.2.66",
    words: /foreign: flood entry -> 192.0.2.66/,
  },
  {
    what: "neighbour wrong",
    mode: "l3",
    command: "neighbour replace 10.244.2.0 lladdr 02:00:00:00:00:01 dev vx100 nud permanent",
    words: /wrong: neighbour 10.244.2.0 lladdr 02:00:00:00:00:01/,
  },
  {
    what: "route gone",
    mode: "l3",
    command: "route delete 10.244.2.0/24",
    words: /missing: route 10.244.2.0\/24/,
  },
  {
    what: "address gone",
    mode: "l3",
    command: "address flush dev vx100",
    words: /missing: address 10.244.1.0\/32/,
  },
  {
    what: "foreign address",
    mode: "l3",
    command: "address add 10.9.9.9/32 dev vx100",
    words: /foreign: address 10.9.9.9\/32 on vx100/,
  },
  {
    what: "address changed",
    mode: "l3",
    command: "address add 10.9.9.9/32 dev vx100; address delete 10.244.1.0/32 dev vx100",
    words: /missing: address 10.244.1.0\/32/,
  },
  {
    what: "guard gone",
    mode: "l3",
    program: "nft",
    command: "delete table inet podwire-vxlan-net",
    words: /guard does not drop VXLAN of strangers: a rule is missing or changed/,
  },
  {
    what: "guard elsewhere",
    mode: "l3",
    program: "sh",
    command: moveChain("vxlan", "input priority raw", "prerouting priority raw", "podwire-vxlan-net"),
    words: /a rule is missing or changed in the table inet podwire-vxlan-net/,
  },
  {
    what: "guard's chain made again, elsewhere",
    mode: "l2",
    program: "nft",
    command:
      "flush chain inet podwire-vxlan-net vxlan; delete chain inet podwire-vxlan-net vxlan; add chain inet podwire-vxlan-net vxlan {type filter hook input priority 7;}",
    words: /a rule is missing or changed in the table inet podwire-vxlan-net/,
  },
  {
    what: "guard without a peer",
    mode: "l2",
    program: "nft",
    command: "delete element inet podwire-vxlan-net vteps4-100-4789 { 192.0.2.2 }",
    words: /missing in the guard's set .*192.0.2.2/,
  },
  {
    what: "guard with a stranger",
    mode: "l2",
    program: "nft",
    command: "add element inet podwire-vxlan-net vteps4-100-4789 { 192.0.2.66 }",
    words: /foreign in the guard's set .*192.0.2.66/,
  },
];

describe.runIf(canRun(...programs))("damage by hand", () => {
  test.each(damages)("$what ($mode) is named by CHECK and repaired by the next ADD", async (damage) => {
    await using world = await createWorld(2);
    const network = (index: number) => networkOf[damage.mode](world, index);
    const [one, two] = await attachEverywhere(world, network);
    const host = world.host(0);
    await host.check(one as AttachedPod, network(0), one?.result);
    const before = await overlayOf(host.node);
    for (const command of damage.command.split("; "))
      await host.node.exec(
        damage.program ?? "ip",
        damage.program === "sh" ? ["-ec", command] : command.split(" "),
      );
    const run = await host.call("CHECK", one, { ...network(0), prevResult: one?.result });
    failed(run, 999, damage.words);
    if (damage.what === "another device in its place") {
      failed(await host.call("ADD", await host.pod("new"), network(0)), 7, /does not belong to the network/);
      return;
    }
    await attach(host, "new", network(0));
    expect(await overlayOf(host.node)).toEqual(before);
    await host.check(one as AttachedPod, network(0), one?.result);
    expect(await reaches(one, two)).toBe(true);
    expect(await reaches(two, one)).toBe(true);
  });
});

describe.runIf(canRun(...programs))("a device in the place of ours, with its alias", () => {
  test.each([
    ["VNI", "id 101 dstport 4789 local 192.0.2.1", /VNI of vx100 is 101, expected 100/],
    ["port", "id 100 dstport 8472 local 192.0.2.1", /UDP port of vx100 is 8472, expected 4789/],
    ["family", "id 100 dstport 4789 local 2001:db8::1", /underlay family of vx100 is IPv6, expected IPv4/],
    [
      "source ports",
      "id 100 dstport 4789 local 192.0.2.1 srcport 1000 2000",
      /source port range of vx100 is 1000-2000, expected 49152-65535/,
    ],
    ["checksum", "id 100 dstport 4789 local 192.0.2.1 noudpcsum", /UDP checksum of vx100 is false/],
    ["group", "id 100 dstport 4789 local 192.0.2.1 group 239.1.1.1 dev eth0", /group of vx100 is 239.1.1.1/],
  ])(
    "is found by CHECK to have another %s, and is recreated once no pod is there",
    async (_, kind, words) => {
      await using world = await createWorld(2);
      const host = world.host(0);
      const config = l3Network(world, 0);
      const one = await attach(host, "one", config);
      const before = await overlayOf(host.node);
      const [found] = await host.node.execJson<{ ifalias: string }[]>("ip", ["-j", "link", "show", "vx100"]);
      await host.node.exec("ip", ["link", "delete", "vx100"]);
      await host.node.exec("ip", `link add vx100 type vxlan ${kind}`.split(" "));
      await host.node.exec("ip", ["link", "set", "vx100", "alias", found?.ifalias ?? "", "up"]);
      const run = await host.call("CHECK", one, { ...config, prevResult: one.result });
      failed(run, 999, words);
      failed(run, 999, /delete this network's pods on this node/);
      failed(await host.call("ADD", await host.pod("two"), config), 7, /pods of the network "net" use/);
      await host.del(one, config);
      await attach(host, "three", config);
      expect(await overlayOf(host.node)).toEqual(before);
    },
  );
});
