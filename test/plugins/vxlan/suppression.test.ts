/** With `"arp": "suppress"` the bridge answers for the peers' pods, and no request crosses the underlay. */
import { describe, expect, test } from "vitest";
import { capture } from "../../helpers/capture.ts";
import { canRun, ping } from "../../helpers/index.ts";
import { ARP, decapsulateAll, etherType } from "../../helpers/vxlan-packets.ts";
import {
  attachEverywhere,
  createWorld,
  failed,
  l2Network,
  neighboursOf,
  peersOf,
  programs,
  type World,
} from "./world.ts";

const addressesOf = (index: number) => [`10.10.0.${16 * index + 2}`, `fd00:10::${index + 1}:2`];
const macOf = (index: number) => `0a:58:0a:0a:00:${(16 * index + 2).toString(16).padStart(2, "0")}`;
/** A router or the like behind a peer, with more addresses than one of a family. */
const appliance = { "02:00:00:00:00:aa": ["10.10.0.200", "10.10.0.201", "fd00:10::200", "fd00:10::201"] };

const ranges = (index: number) => [
  [
    {
      subnet: "10.10.0.0/24",
      rangeStart: `10.10.0.${16 * index + 2}`,
      rangeEnd: `10.10.0.${16 * index + 14}`,
    },
  ],
  [{ subnet: "fd00:10::/64", rangeStart: `fd00:10::${index + 1}:2`, rangeEnd: `fd00:10::${index + 1}:ff` }],
];

function network(world: World, own: number) {
  const known = (index: number) => ({
    macs: { [macOf(index)]: addressesOf(index), ...(index === 2 ? appliance : {}) },
  });
  return l2Network(world, own, {
    l2: { arp: "suppress" },
    discovery: { type: "static", peers: peersOf(world, own, 4, known) },
    ipam: { type: "host-local", ranges: ranges(own) },
  });
}

const ICMPV6 = 58;
const SOLICITATION = 135;

/** What an inner frame asks for: the target of an ARP request (RFC 826) or of a neighbour solicitation (RFC 4861). */
function askedFor(inner: Buffer): string | undefined {
  if (etherType(inner) === ARP && inner.readUInt16BE(20) === 1) return [...inner.subarray(38, 42)].join(".");
  if (etherType(inner) !== 0x86dd || inner.readUInt8(20) !== ICMPV6) return undefined;
  return inner.readUInt8(54) === SOLICITATION ? inner.subarray(62, 78).toString("hex") : undefined;
}

describe.runIf(canRun(...programs))("suppression", () => {
  test("answers for every address of both families, and asks the peers for others only", async () => {
    await using world = await createWorld(3);
    const pods = await attachEverywhere(world, (index) => network(world, index));
    for (const [index, pod] of pods.entries()) {
      expect(pod.addresses).toEqual(addressesOf(index));
      expect(pod.result.interfaces.find(({ sandbox }: { sandbox?: string }) => sandbox)?.mac).toBe(
        macOf(index),
      );
    }
    const { node } = world.host(0);
    const asked = async (work: () => Promise<unknown>) => {
      const frames = await capture(node, "eth0", "udp port 4789", work, { direction: "out" });
      return decapsulateAll(frames).flatMap(({ inner }) => askedFor(inner) ?? []);
    };
    const reach = async (target: string, answers: boolean) =>
      expect(await ping(node, target, { netns: "pod", seconds: 2 }), target).toBe(answers);
    const forget = () => node.exec("ip", ["neighbour", "flush", "dev", "eth0"], { netns: "pod" });
    await forget();
    const seen = await asked(async () => {
      for (const target of [...addressesOf(1), ...addressesOf(2)]) await reach(target, true);
    });
    expect(seen).toEqual([]);
    // No pod has these, and yet the pod knows where to send: they are in macs, each with the MAC address given there.
    expect(
      await asked(async () => {
        for (const target of Object.values(appliance).flat()) await reach(target, false);
      }),
    ).toEqual([]);
    const { stdout } = await node.exec("ip", ["neighbour", "show", "dev", "eth0"], { netns: "pod" });
    for (const target of Object.values(appliance).flat())
      expect(stdout).toMatch(new RegExp(`^${target} lladdr 02:00:00:00:00:aa `, "m"));
    // What is not listed is asked for at each of the two peers.
    const unknown4 = await asked(() => reach("10.10.0.99", false));
    expect(unknown4.filter((target) => target === "10.10.0.99").length).toBeGreaterThanOrEqual(2);
    const unknown6 = await asked(() => reach("fd00:10::99", false));
    expect(unknown6.filter((target) => target.endsWith("0099")).length).toBeGreaterThanOrEqual(2);
  });

  test("has its neighbours checked, and repaired by the next ADD", async () => {
    await using world = await createWorld(3);
    const [one] = await attachEverywhere(world, (index) => network(world, index));
    const { node } = world.host(0);
    const full = await neighboursOf(node, "br-vx100");
    expect(full).toEqual(
      [
        ...[1, 2].flatMap((index) => addressesOf(index).map((address) => `${address} ${macOf(index)}`)),
        ...Object.values(appliance)
          .flat()
          .map((address) => `${address} 02:00:00:00:00:aa`),
      ].sort(),
    );
    await node.exec("ip", ["neighbour", "delete", "fd00:10::2:2", "dev", "br-vx100"]);
    await node.exec("bridge", ["link", "set", "dev", "vx100", "neigh_suppress", "off"]);
    const run = await world.host(0).call("CHECK", one, { ...network(world, 0), prevResult: one?.result });
    failed(run, 999, /neighbour suppression of vx100 is false/);
    failed(run, 999, /missing: neighbour fd00:10::2:2 lladdr 0a:58:0a:0a:00:12 on br-vx100/);
    await world.host(0).add(await world.host(0).pod("new"), network(world, 0));
    expect(await neighboursOf(node, "br-vx100")).toEqual(full);
    await world.host(0).check(one as never, network(world, 0), one?.result);
  });
});
