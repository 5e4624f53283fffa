/** In the mode l2 other nodes are behind the bridge, and they learn where a MAC address is now only from announcements. */
import { describe, expect, test } from "vitest";
import { capture } from "../../helpers/capture.ts";
import { builtPlugin, canRun, type Node } from "../../helpers/index.ts";
import { ARP, decapsulateAll, type Encapsulated, etherType } from "../../helpers/vxlan-packets.ts";
import { Host } from "../attachment/host.ts";
import { attach, attachEverywhere, createWorld, l2Network, programs, type World } from "./world.ts";

/** The frames of the pod 10.10.0.3 that go to other nodes; the kernel's talk of link-local addresses is IPv6, and left out. */
const sentDuring = async (node: Node, work: () => Promise<unknown>) => {
  const sent = decapsulateAll(await capture(node, "eth0", "udp port 4789", work, { direction: "out" }));
  const mac = Buffer.from("0a580a0a0003", "hex");
  return sent.filter(({ inner }) => inner.subarray(6, 12).equals(mac) && etherType(inner) !== 0x86dd);
};

/** Whether a frame is gratuitous ARP (RFC 5227) of that pod. */
const isAnnouncement = ({ inner }: Encapsulated): boolean => {
  const address = Buffer.from([10, 10, 0, 3]);
  return etherType(inner) === ARP && [28, 38].every((at) => inner.subarray(at, at + 4).equals(address));
};

/** All nodes may hand out the same addresses: they move. */
const roaming = (world: World, own: number, address?: string) =>
  l2Network(world, own, {
    ipam: { type: "host-local", ranges: [[{ subnet: "10.10.0.0/24" }]] },
    ...(address === undefined ? {} : { args: { cni: { ips: [address] } } }),
  });

const isReachedAtOnce = async (world: World, from: number, address: string): Promise<boolean> => {
  const args = ["-n", "-c", "1", "-W", "1", address];
  return (await world.host(from).node.exec("ping", args, { netns: "pod", reject: false })).exitCode === 0;
};

describe.runIf(canRun(...programs))("a new pod of the mode l2", () => {
  test("is announced to each peer once, and nothing else of its ADD is", async () => {
    await using world = await createWorld(3);
    await attachEverywhere(world, (index) => l2Network(world, index));
    const frames = await sentDuring(world.host(0).node, () =>
      attach(world.host(0), "new", l2Network(world, 0)),
    );
    expect(frames.map(isAnnouncement)).toEqual([true, true]);
    expect(frames.map(({ destination }) => destination).sort()).toEqual(["192.0.2.2", "192.0.2.3"]);
  });

  test("is reached at once on the node that it has moved to", async () => {
    await using world = await createWorld(3);
    const address = "10.10.0.200";
    await attach(world.host(0), "pod", roaming(world, 0, "10.10.0.10"));
    const old = await attach(world.host(1), "old", roaming(world, 1, address));
    await expect.poll(() => isReachedAtOnce(world, 0, address)).toBe(true);
    await world.host(1).del(old, roaming(world, 1));
    await attach(world.host(2), "next", roaming(world, 2, address));
    expect(await isReachedAtOnce(world, 0, address)).toBe(true);
  });

  test("is announced on a bridge that was made by another network for pods of this node", async () => {
    await using world = await createWorld(2);
    const { node } = world.host(0);
    const bridge = new Host(node, builtPlugin("bridge"));
    const local = { cniVersion: "1.1.0", name: "local", type: "bridge", bridge: "br0" };
    await bridge.add(await bridge.pod("local"), local);
    const network = l2Network(world, 0, { bridge: "br0" });
    await attach(world.host(0), "first", network);
    const frames = await sentDuring(node, () => attach(world.host(0), "new", network));
    expect(frames.map(isAnnouncement)).toEqual([true]);
  });
});
