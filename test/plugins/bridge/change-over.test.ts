import { describe, expect, test } from "vitest";
import {
  canRun,
  createOutside,
  ping,
  referenceBin,
  referencePlugin,
  seenAddress,
  startEcho,
} from "../../helpers/index.ts";
import { hostState, links, ports, reservations } from "../attachment/kernel-state.ts";
import { detachByReference } from "../attachment/reference.ts";
import { Host, hostLocal, type Keys, network, programs, subnet4, subnet6 } from "./host.ts";

/** The reference 1.1.1 knows no 1.1.0. */
const config = network({ cniVersion: "1.0.0", isDefaultGateway: true, ipam: hostLocal([subnet4, subnet6]) });

const kinds: [string, Keys][] = [
  ["plain", config],
  ["with ipMasq", { ...config, ipMasq: true }],
  ["with macspoofchk", { ...config, macspoofchk: true }],
  ["with ipMasq and macspoofchk", { ...config, ipMasq: true, macspoofchk: true }],
  ["with hairpinMode", { ...config, hairpinMode: true }],
  ["without addresses", { ...config, ipam: {} }],
];

/** One host, and two runtimes on it: ours, and the reference's with its own host-local. */
const prepared = async () => {
  const ours = await Host.create();
  const reference = new Host(ours.node, referencePlugin("bridge"), referenceBin);
  return { ours, reference, node: ours.node, [Symbol.asyncDispose]: () => ours.node.dispose() };
};

/** All rules, chains, set elements and files that belong to a container. */
const tracesOf = async (host: Host): Promise<string[]> => {
  const { iptables, ip6tables, nftables, ipsets, files } = await hostState(host.node);
  const lines = [...iptables, ...ip6tables, ...nftables, ...ipsets, ...files];
  return lines.filter((line) => /id-[abcd]\b|CNI-[0-9a-f]{20}|cni-br-iface/.test(line));
};

describe.runIf(canRun(referencePlugin("bridge"), ...programs))("what the reference attached", () => {
  test.each(kinds)("ours detaches without a trace: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pod = await ours.pod("a");
    const prevResult = await reference.add(pod, keys);
    await ours.del(pod, { ...keys, prevResult });
    expect(await tracesOf(ours)).toEqual([]);
    expect(await reservations(node)).toEqual([]);
    expect(await ports(node, "br0")).toEqual([]);
    expect(await links(node, "a")).toHaveLength(1);
  });

  test.each(kinds)("ours detaches without prevResult, with the namespace gone: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pod = await ours.pod("a");
    await reference.add(pod, keys);
    await node.deleteNetns("a");
    await ours.del({ ...pod, netns: "" }, keys);
    expect(await tracesOf(ours)).toEqual([]);
    expect(await reservations(node)).toEqual([]);
    await expect.poll(() => ports(node, "br0")).toEqual([]);
  });

  test.each(kinds)("passes our CHECK: %s", async (_kind, keys) => {
    await using stage = await prepared();
    const { ours, reference } = stage;
    const pod = await ours.pod("a");
    await ours.check(pod, keys, await reference.add(pod, keys));
  });

  test("keeps its addresses while ours attaches others, and the other way round", async () => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    const pods = await ours.pods("a", "b", "c", "d");
    const given: string[] = [];
    for (const [index, pod] of pods.entries()) {
      const { ips } = await (index % 2 === 0 ? reference : ours).add(pod, config);
      given.push(...ips.map(({ address }: { address: string }) => address));
    }
    expect(new Set(given).size).toBe(8);
    for (const target of ["10.1.0.3", "10.1.0.4", "fd00:1::5"]) {
      expect(await ping(node, target, { netns: "a" })).toBe(true);
    }
  });

  test("keeps its masquerade when ours detaches another container, or collects garbage", async () => {
    await using stage = await prepared();
    const { ours, reference, node } = stage;
    await using outside = await createOutside(node);
    await startEcho(outside, 80);
    const keys = { ...config, ipMasq: true };
    const [a, b] = await ours.pods("a", "b");
    await reference.add(a, keys);
    await ours.add(b, keys);
    await ours.del(b, keys);
    await ours.gc({ ...keys, cniVersion: "1.1.0" }, [a]);
    expect(await seenAddress(node, outside.address4, 80, { netns: "a" })).toBe(outside.nodeAddress4);
    expect(await seenAddress(node, outside.address6, 80, { netns: "a" })).toBe(outside.nodeAddress6);
  });
});

describe.runIf(canRun(referencePlugin("bridge"), ...programs))("what ours attached", () => {
  test.each(kinds)(
    "the reference detaches, but for entries of NAT and spoof check: %s",
    async (_kind, keys) => {
      await using stage = await prepared();
      const { ours, reference, node } = stage;
      const pod = await ours.pod("a");
      const prevResult = await ours.add(pod, keys);
      await detachByReference(reference, pod, { ...keys, prevResult });
      expect(await reservations(node)).toEqual([]);
      expect(await ports(node, "br0")).toEqual([]);
      expect(await links(node, "a")).toHaveLength(1);
    },
  );

  const masqueraded = { ...config, ipMasq: true, macspoofchk: true };

  test("and the reference detached leaves entries that our GC clears", async () => {
    await using stage = await prepared();
    const { ours, reference } = stage;
    const pod = await ours.pod("a");
    await ours.add(pod, masqueraded);
    await detachByReference(reference, pod, masqueraded);
    await ours.gc({ ...masqueraded, cniVersion: "1.1.0" }, []);
    expect(await tracesOf(ours)).toEqual([]);
  });

  test("and the reference detached leaves entries that our next ADD of the address takes over or clears", async () => {
    await using stage = await prepared();
    const { ours, reference } = stage;
    const [a, b, c] = await ours.pods("a", "b", "c");
    const again = { ...masqueraded, args: { cni: { ips: ["10.1.0.2", "fd00:1::2"] } } };
    await ours.add(a, again);
    await detachByReference(reference, a, masqueraded);
    const result = await ours.add(b, again);
    await ours.check(b, again, result);
    expect((await tracesOf(ours)).filter((line) => line.includes("id-a") && line.includes("masq"))).toEqual(
      [],
    );
    await detachByReference(reference, b, masqueraded);
    await ours.add(c, { ...again, ipMasq: false });
    expect((await tracesOf(ours)).filter((line) => /id-[ab]/.test(line) && line.includes("masq"))).toEqual(
      [],
    );
  });

  test("passes the reference's CHECK, which knows less", async () => {
    await using stage = await prepared();
    const { ours, reference } = stage;
    const pod = await ours.pod("a");
    const keys = { ...config, ipMasq: true };
    await reference.check(pod, keys, await ours.add(pod, keys));
  });
});
