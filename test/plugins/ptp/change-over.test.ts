import { describe, expect, test } from "vitest";
import { canRun, ping, referenceBin, referencePlugin, seenAddress, startEcho } from "../../helpers/index.ts";
import { hostState, links, reservations } from "../attachment/kernel-state.ts";
import { detachByReference } from "../attachment/reference.ts";
import { createWorld, Host, type Keys, network, programs } from "./host.ts";

/** The reference 1.1.1 knows no 1.1.0. */
const config = network({ cniVersion: "1.0.0" });

const kinds: [string, Keys][] = [
  ["plain", config],
  ["with ipMasq", { ...config, ipMasq: true }],
  ["with an MTU", { ...config, mtu: 1400 }],
];

/** One host, and two runtimes on it: ours, and the reference's with its own host-local. */
const prepared = async () => {
  const ours = await Host.create();
  const reference = new Host(ours.node, referencePlugin("ptp"), referenceBin);
  return { ours, reference, node: ours.node, [Symbol.asyncDispose]: () => ours.node.dispose() };
};

/** All of the host that belongs to a container. */
const tracesOf = async (host: Host): Promise<string[]> => {
  const { iptables, ip6tables, nftables, ipsets, files, links, routes, addresses } = await hostState(
    host.node,
  );
  const lines = [
    ...iptables,
    ...ip6tables,
    ...nftables,
    ...ipsets,
    ...files,
    ...links,
    ...routes,
    ...addresses,
  ];
  return lines.filter((line) => /id-[ab]\b|CNI-[0-9a-f]{20}|veth/.test(line));
};

describe.runIf(canRun(referencePlugin("ptp"), ...programs))("what the reference attached", () => {
  test.each(kinds)("passes our CHECK, and ours detaches it without a trace: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pod = await ours.pod("a");
    const prevResult = await reference.add(pod, keys);
    await ours.check(pod, keys, prevResult);
    await ours.del(pod, { ...keys, prevResult });
    expect(await tracesOf(ours)).toEqual([]);
    expect(await reservations(node)).toEqual([]);
    expect(await links(node, "a")).toHaveLength(1);
  });

  test.each(kinds)("ours detaches without prevResult, with the namespace gone: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pod = await ours.pod("a");
    await reference.add(pod, keys);
    await node.deleteNetns("a");
    await ours.del({ ...pod, netns: "" }, keys);
    await expect.poll(() => tracesOf(ours)).toEqual([]);
    expect(await reservations(node)).toEqual([]);
  });

  test("shares the network with what ours attached, and keeps its masquerade when ours goes", async () => {
    await using world = await createWorld();
    const { host: ours, outside } = world;
    const reference = new Host(ours.node, referencePlugin("ptp"), referenceBin);
    const keys = { ...config, ipMasq: true };
    const [a, b] = await ours.pods("a", "b");
    const theirs = await reference.add(a, keys);
    const own = await ours.add(b, keys);
    for (const { address } of own.ips) {
      expect(await ping(ours.node, address.split("/")[0], { netns: "a" })).toBe(true);
    }
    for (const { address } of theirs.ips) {
      expect(await ping(ours.node, address.split("/")[0], { netns: "b" })).toBe(true);
    }
    await ours.del(b, keys);
    await ours.gc({ ...keys, cniVersion: "1.1.0" }, [a]);
    await startEcho(outside, 80);
    expect(await seenAddress(ours.node, outside.address4, 80, { netns: "a" })).toBe(outside.nodeAddress4);
    expect(await seenAddress(ours.node, outside.address6, 80, { netns: "a" })).toBe(outside.nodeAddress6);
  });
});

describe.runIf(canRun(referencePlugin("ptp"), ...programs))("what ours attached", () => {
  test.each(kinds)("passes the reference's CHECK, and it detaches it: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pod = await ours.pod("a");
    const prevResult = await ours.add(pod, keys);
    await reference.check(pod, keys, prevResult);
    await detachByReference(reference, pod, { ...keys, prevResult });
    expect(await reservations(node)).toEqual([]);
    expect(await links(node, "a")).toHaveLength(1);
    // Masquerade entries are what the reference does not know; GC does.
    await ours.gc({ ...keys, cniVersion: "1.1.0" }, []);
    expect(await tracesOf(ours)).toEqual([]);
  });
});
