/** What goes over the underlay, byte for byte. */
import { describe, expect, test } from "vitest";
import { capture, captureEach } from "../../helpers/capture.ts";
import { canRun, ping } from "../../helpers/index.ts";
import { ARP, decapsulateAll, etherType, innerAddresses } from "../../helpers/vxlan-packets.ts";
import {
  type AttachedPod,
  attachEverywhere,
  createWorld,
  l2Network,
  l3Network,
  peersOf,
  programs,
} from "./world.ts";

const vxlan = "udp port 4789";
const address = (pod: AttachedPod | undefined) => pod?.addresses[0] ?? "";
const isIcmp = (inner: Buffer) => etherType(inner) === 0x0800 && inner.readUInt8(23) === 1;

/** The MAC address that a pod has because of its IPv4 address. */
const macOf = (ip: string) =>
  `0a:58:${ip
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join(":")}`;

describe.runIf(canRun(...programs))("a frame on the underlay", () => {
  test.each(["l2", "l3"] as const)(
    "is VXLAN as in RFC 7348, 50 bytes longer than the pod's (%s)",
    async (mode) => {
      await using world = await createWorld(2);
      const network = mode === "l2" ? l2Network : l3Network;
      const [one, two] = await attachEverywhere(world, (index) =>
        network(world, index, { vni: 0xabcdef, device: "vx100" }),
      );
      const { node } = world.host(0);
      expect(await ping(node, address(two), { netns: "pod" })).toBe(true);
      const frames = decapsulateAll(
        await capture(node, "eth0", vxlan, () => ping(node, address(two), { netns: "pod" })),
      ).filter(({ inner }) => isIcmp(inner));
      expect(frames.map(innerAddresses)).toEqual([
        [address(one), address(two)],
        [address(two), address(one)],
      ]);
      for (const frame of frames) {
        expect(frame).toMatchObject({
          port: 4789,
          flags: 0x08,
          reserved: 0,
          vni: 0xabcdef,
          isDf: false,
          ttl: 64,
        });
        // 14 Ethernet, 20 IPv4, 8 UDP, 8 VXLAN, where the inner frame's own 14 are part of it.
        expect(frame.frame.length).toBe(frame.inner.length + 50);
      }
      expect(frames.map(({ source, destination }) => [source, destination])).toEqual([
        ["192.0.2.1", "192.0.2.2"],
        ["192.0.2.2", "192.0.2.1"],
      ]);
    },
  );

  test("has a source port of the range, another one for another flow", async () => {
    await using world = await createWorld(2);
    const [, two] = await attachEverywhere(world, (index) =>
      l2Network(world, index, { srcPort: [50_000, 50_999] }),
    );
    const { node } = world.host(0);
    const script = `for port in $(seq 5001 5040); do echo x > /dev/udp/${address(two)}/$port; done`;
    const frames = await capture(
      node,
      "eth0",
      vxlan,
      () => node.exec("bash", ["-c", script], { netns: "pod" }),
      {
        direction: "out",
      },
    );
    const ports = new Set(decapsulateAll(frames).map(({ sourcePort }) => sourcePort));
    expect(ports.size).toBeGreaterThanOrEqual(10);
    for (const port of ports) expect(port >= 50_000 && port <= 50_999).toBe(true);
  });

  test("has TTL, DF and no checksum as configured", async () => {
    await using world = await createWorld(2);
    const keys = { ttl: 7, df: "set", udpCsum: false };
    const [, two] = await attachEverywhere(world, (index) => l2Network(world, index, keys));
    const { node } = world.host(0);
    const frames = decapsulateAll(
      await capture(node, "eth0", vxlan, () => ping(node, address(two), { netns: "pod" })),
    );
    expect(frames.length).toBeGreaterThan(0);
    for (const frame of frames) expect(frame).toMatchObject({ ttl: 7, isDf: true, checksum: 0 });
  });

  test("is 70 bytes longer over IPv6", async () => {
    await using world = await createWorld(2);
    const [, two] = await attachEverywhere(world, (index) => l3Network(world, index, {}, { family: 6 }));
    const { node } = world.host(0);
    const frames = decapsulateAll(
      await capture(node, "eth0", `ip6 and ${vxlan}`, () => ping(node, address(two), { netns: "pod" })),
    );
    expect(frames.map(({ source, destination }) => [source, destination])).toEqual([
      ["2001:db8::1", "2001:db8::2"],
      ["2001:db8::2", "2001:db8::1"],
    ]);
    for (const frame of frames) expect(frame.frame.length).toBe(frame.inner.length + 70);
  });
});

describe.runIf(canRun(...programs))("a broadcast", () => {
  test("is sent to each peer once, and reaches each pod once", async () => {
    await using world = await createWorld(4);
    const pods = await attachEverywhere(world, (index) => l2Network(world, index));
    const { node } = world.host(0);
    const [first] = pods;
    const inPods = pods.slice(1).map((pod) => ({
      node: pod.host.node,
      device: "eth0",
      filter: "icmp and dst host 10.10.0.255",
      netns: "pod",
    }));
    const [sent = [], ...received] = await captureEach(
      [{ node, device: "eth0", filter: vxlan, direction: "out" }, ...inPods],
      () => node.exec("ping", ["-b", "-c", "1", "-W", "1", "10.10.0.255"], { netns: "pod", reject: false }),
    );
    const copies = decapsulateAll(sent).filter(({ inner }) => isIcmp(inner));
    expect(copies.map(innerAddresses)).toEqual(pods.slice(1).map(() => [address(first), "10.10.0.255"]));
    expect(copies.map(({ destination }) => destination).sort()).toEqual([
      "192.0.2.2",
      "192.0.2.3",
      "192.0.2.4",
    ]);
    expect(received.map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  test("goes out once with a multicast group", async () => {
    await using world = await createWorld(3);
    const keys = {
      discovery: {},
      underlay: { dev: "eth0" },
      l2: { flood: "multicast", group: "239.1.1.100" },
    };
    const pods = await attachEverywhere(world, (index) => l2Network(world, index, keys));
    const { node } = world.host(0);
    for (const pod of pods.slice(1)) expect(await ping(node, address(pod), { netns: "pod" })).toBe(true);
    const frames = await capture(
      node,
      "eth0",
      vxlan,
      () => node.exec("ping", ["-b", "-c", "1", "-W", "1", "10.10.0.255"], { netns: "pod", reject: false }),
      { direction: "out" },
    );
    const copies = decapsulateAll(frames).filter(({ inner }) => isIcmp(inner));
    expect(copies.map(({ destination }) => destination)).toEqual(["239.1.1.100"]);
  });

  test("of ARP is not sent for what the bridge knows, and is for what it does not", async () => {
    await using world = await createWorld(3);
    const known = (index: number) => {
      const ip = `10.10.0.${16 * index + 2}`;
      return { macs: { [macOf(ip)]: ip } };
    };
    const network = (index: number) =>
      l2Network(world, index, {
        l2: { arp: "suppress" },
        discovery: { type: "static", peers: peersOf(world, index, 4, known) },
      });
    const pods = await attachEverywhere(world, network);
    const { node } = world.host(0);
    const arpOf = async (target: string, answers: boolean) => {
      const frames = await capture(
        node,
        "eth0",
        vxlan,
        async () => expect(await ping(node, target, { netns: "pod", seconds: 2 })).toBe(answers),
        { direction: "out" },
      );
      return decapsulateAll(frames).filter(
        ({ inner }) => etherType(inner) === ARP && inner.readUInt8(0) === 0xff,
      );
    };
    expect(await arpOf(address(pods[1]), true)).toEqual([]);
    expect((await arpOf("10.10.0.99", false)).length).toBeGreaterThanOrEqual(2);
  });

  test("never leaves the node in the mode l3", async () => {
    await using world = await createWorld(3);
    const [, two] = await attachEverywhere(world, (index) =>
      l3Network(world, index, {}, { l3: { attach: "bridge" } }),
    );
    const { node } = world.host(0);
    const frames = await capture(
      node,
      "eth0",
      vxlan,
      async () => {
        await node.exec("ping", ["-b", "-c", "1", "-W", "1", "10.244.1.255"], {
          netns: "pod",
          reject: false,
        });
        await node.exec("ping", ["-c", "1", "-W", "1", "10.244.1.99"], { netns: "pod", reject: false });
        expect(await ping(node, address(two), { netns: "pod" })).toBe(true);
      },
      { direction: "out" },
    );
    expect(decapsulateAll(frames).map((frame) => innerAddresses(frame)[1])).toEqual([address(two)]);
  });
});
