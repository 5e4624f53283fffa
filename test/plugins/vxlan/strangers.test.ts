/** Containers that are no members of an overlay, and what they send into it. */
import { describe, expect, test } from "vitest";
import { capture } from "../../helpers/capture.ts";
import { builtPlugin, canRun, type Node, ping } from "../../helpers/index.ts";
import { type Ends, ipv4, ipv6Fragments, sendRaw, udp, vxlan } from "../../helpers/raw-packets.ts";
import { Host, hostLocal, type Pod, subnet4, subnet6 } from "../attachment/host.ts";
import { type AttachedPod, attach, createWorld, failed, type Keys, l2Network, type World } from "./world.ts";

const tools = ["ip", "nft", "iptables-save", "perl", "ping", "tcpdump"] as const;
/** The port of what is sent into the overlay. */
const INNER = 7777;

type Family = 4 | 6;

/** A pod of another network on the first node; its own addresses are 10.1.0.2 and fd00:1::2. */
const attachEvil = async (world: World, keys: Keys = {}): Promise<Pod> => {
  const host = new Host(world.host(0).node, builtPlugin("bridge"));
  const evil = await host.pod("evil");
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
  await host.add(evil, {
    cniVersion: "1.1.0",
    name: "other",
    type: "bridge",
    bridge: "br0",
    isGateway: true,
    ipam: { ...hostLocal([subnet4, subnet6]), routes },
    ...keys,
  });
  // The kernel's default; another host may have it on, and then its own check would hide the guard's.
  await world
    .host(0)
    .node.exec("sh", ["-ec", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done"]);
  return evil;
};

const vtep = (world: World, index: number, family: Family = 4): string => {
  const { address4, address6 } = world.host(index).member;
  return family === 4 ? address4 : address6;
};

/** What is inside: a broadcast for the pod, as if its neighbour had sent it. */
const frameFor = (pod: AttachedPod, vni = 100): Buffer =>
  vxlan(vni, { source: "10.10.0.99", destination: pod.addresses[0] ?? "" }, INNER);

/** How many such frames reach the pod while `work` runs. */
const heard = async (pod: AttachedPod, work: () => Promise<unknown>): Promise<number> => {
  const frames = await capture(pod.host.node, "eth0", `udp port ${INNER}`, work, {
    netns: pod.name,
    direction: "in",
  });
  return frames.length;
};

const sendFrame = (node: Node, ends: Ends, payload: Buffer, ports: [number, number], netns?: string) =>
  sendRaw(node, [ipv4(ends, udp(ends, ...ports, payload))], netns);

const attachBoth = async (
  world: World,
  keys: Keys,
  family: Family = 4,
): Promise<[AttachedPod, AttachedPod]> => [
  await attach(world.host(0), "pod", l2Network(world, 0, keys, family)),
  await attach(world.host(1), "pod", l2Network(world, 1, keys, family)),
];

describe.runIf(canRun(...tools))("a pod of a masqueraded network", () => {
  /** Whether its frames reach the overlay of another node: `onBoth`, if its own node has a pod there too. */
  const reaches = async (keys: Keys, onBoth: boolean, masquerade: Keys): Promise<number> => {
    await using world = await createWorld(2);
    if (onBoth) await attach(world.host(0), "pod", l2Network(world, 0, keys));
    const victim = await attach(world.host(1), "pod", l2Network(world, 1, keys));
    await attachEvil(world, { ipMasq: true, ...masquerade });
    const { port = 4789 } = keys as { port?: number };
    const ends = { source: "10.1.0.2", destination: vtep(world, 1) };
    return await heard(victim, async () => {
      // A datagram of another kind first, and a second from the same port: translation is decided once for both.
      await sendFrame(world.host(0).node, ends, Buffer.from("harmless"), [5000, port], "evil");
      await sendFrame(world.host(0).node, ends, frameFor(victim), [5000, port], "evil");
    });
  };

  test.each([
    ["the usual port", {}, true],
    ["the usual port", {}, false],
    ["the port of Linux", { port: 8472 }, false],
    ["a port of its own", { port: 5555 }, true],
    ["a port of its own", { port: 5555 }, false],
  ])("is no peer for an overlay at %s (%o; on both nodes: %s)", async (_, keys, onBoth) => {
    expect(await reaches(keys, onBoth, { ipMasqBackend: "nftables" })).toBe(0);
  });

  test.each([[{}], [{ port: 8472 }]])("nor with iptables (%o)", async (keys) => {
    expect(await reaches(keys, false, { ipMasqBackend: "iptables" })).toBe(0);
  });

  test("would be heard without the guard", async () => {
    expect(await reaches({ guard: false }, true, {})).toBe(1);
  });
});

describe.runIf(canRun(...tools))("a pod that forges the address of a peer", () => {
  const reaches = async (keys: Keys, cut?: number): Promise<[number, boolean]> => {
    await using world = await createWorld(2);
    const [victim, friend] = await attachBoth(world, keys);
    await attachEvil(world);
    const ends = { source: vtep(world, 1), destination: vtep(world, 0) };
    const datagram = udp(ends, 5000, 4789, frameFor(victim));
    const packets =
      cut === undefined
        ? [ipv4(ends, datagram)]
        : [
            ipv4(ends, datagram.subarray(0, cut), { offset: 0, more: true }),
            ipv4(ends, datagram.subarray(cut), { offset: cut, more: false }),
          ];
    const count = await heard(victim, () => sendRaw(world.host(0).node, packets, "evil"));
    return [count, await ping(friend.host.node, victim.addresses[0] ?? "", { netns: friend.name })];
  };

  test.each([[undefined], [8], [16], [24]])(
    "reaches no overlay of its own node, and the peer does (IPv4 fragments cut at %s)",
    async (cut) => {
      expect(await reaches({}, cut)).toEqual([0, true]);
    },
  );

  test("would be heard without the guard", async () => {
    expect(await reaches({ guard: false }, 8)).toEqual([1, true]);
  });

  test("reaches no other node by way of its own", async () => {
    await using world = await createWorld(3);
    const victim = await attach(world.host(1), "pod", l2Network(world, 1));
    await attach(world.host(0), "pod", l2Network(world, 0));
    await attachEvil(world);
    const { node } = world.host(0);
    for (const source of [vtep(world, 2), vtep(world, 0), "10.1.0.2"]) {
      const ends = { source, destination: vtep(world, 1) };
      expect(await heard(victim, () => sendFrame(node, ends, frameFor(victim), [5000, 4789], "evil"))).toBe(
        0,
      );
    }
  });
});

describe.runIf(canRun(...tools))("fragments of IPv6", () => {
  type Cut = [cuts: number[], options: number];

  /** From a stranger on the underlay, and from a pod of the node with a peer's address. */
  const reaches = async (keys: Keys, [cuts, options]: Cut): Promise<number[]> => {
    await using world = await createWorld(3);
    const peers = [{ vtep: vtep(world, 1, 6) }];
    const network = l2Network(world, 0, { discovery: { peers }, ...keys }, 6);
    const victim = await attach(world.host(0), "pod", network);
    await attachEvil(world);
    const from = async (source: string, node: Node, netns?: string) => {
      const ends = { source, destination: vtep(world, 0, 6) };
      const datagram = udp(ends, 5000, 4789, frameFor(victim));
      return await heard(victim, () => sendRaw(node, ipv6Fragments(ends, datagram, cuts, options), netns));
    };
    return [
      await from(vtep(world, 2, 6), world.host(2).node),
      await from("fd00:1::2", world.host(0).node, "evil"),
      await from(vtep(world, 1, 6), world.host(0).node, "evil"),
    ];
  };

  const ways: Cut[] = [
    [[], 0],
    [[8], 0],
    [[16], 0],
    [[8, 16], 8],
    [[16, 24], 16],
  ];

  test.each(ways)("hide no overlay from the guard: cut at %j, behind %i bytes of options", async (...cut) => {
    expect(await reaches({}, cut)).toEqual([0, 0, 0]);
  });

  test("are heard without the guard", async () => {
    // The kernel itself drops a first fragment that ends before UDP does, since Linux 5.12.
    expect(await reaches({ guard: false }, [[8], 0])).toEqual([1, 1, 1]);
  });
});

describe.runIf(canRun(...tools))("an overlay by a multicast group", () => {
  test("takes frames from the underlay's interface, and none from pods", async () => {
    await using world = await createWorld(2);
    const l2 = { flood: "multicast", group: "239.1.1.1" };
    const [one, two] = await attachBoth(world, { discovery: {}, underlay: { dev: "eth0" }, l2 });
    const { node } = world.host(0);
    await attachEvil(world);
    for (const [victim, destination] of [
      [one, vtep(world, 0)],
      [two, vtep(world, 1)],
    ] as const) {
      for (const source of ["10.1.0.2", vtep(world, 1)]) {
        const ends = { source, destination };
        expect(await heard(victim, () => sendFrame(node, ends, frameFor(victim), [5000, 4789], "evil"))).toBe(
          0,
        );
      }
    }
    expect(await ping(node, two.addresses[0] ?? "", { netns: one.name })).toBe(true);
  });
});

describe.runIf(canRun(...tools))("a host port", () => {
  test("takes no frames of an overlay away from the node", async () => {
    await using world = await createWorld(2);
    const [one, two] = await attachBoth(world, {});
    const evil = await attachEvil(world);
    const { node } = world.host(0);
    const portmap = new Host(node, builtPlugin("portmap"));
    const portMappings = [{ hostPort: 4789, containerPort: 4789, protocol: "udp" }];
    await portmap.call("ADD", evil, {
      cniVersion: "1.1.0",
      name: "other",
      type: "portmap",
      capabilities: { portMappings: true },
      runtimeConfig: { portMappings },
      prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/24" }] },
    });
    const frames = await capture(
      node,
      "eth0",
      "udp",
      () => ping(two.host.node, one.addresses[0] ?? "", { netns: two.name }),
      { netns: "evil" },
    );
    expect(frames).toEqual([]);
    expect(await ping(two.host.node, one.addresses[0] ?? "", { netns: two.name })).toBe(true);
  });
});

describe.runIf(canRun(...tools))("a guard that nft listed and loaded again", () => {
  test.each([
    ["IPv4", (world: World) => l2Network(world, 0)],
    ["IPv6", (world: World) => l2Network(world, 0, {}, 6)],
    [
      "multicast",
      (world: World) => {
        const l2 = { flood: "multicast", group: "239.1.1.1" };
        return l2Network(world, 0, { discovery: {}, underlay: { dev: "eth0" }, l2 });
      },
    ],
  ])("is named by CHECK, and made again by the next ADD (%s)", async (_, network) => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const config = network(world);
    const pod = await attach(host, "pod", config);
    const list = async () => (await host.node.exec("nft", ["list", "ruleset"])).stdout;
    const before = await list();
    await host.node.exec("nft", ["flush", "ruleset"]);
    await host.node.exec("nft", ["-f", "-"], { input: before });
    expect(await list()).toBe(before);
    const run = await host.call("CHECK", pod, { ...config, prevResult: pod.result });
    failed(run, 999, /a rule is missing or changed in the table inet podwire-vxlan-net/);
    await attach(host, "next", config);
    expect(await list()).toBe(before);
    await host.check(pod, config, pod.result);
  });
});
