/** Runs an example for several nodes: the file is that of the first node, those of the others follow from it. */
import { join } from "node:path";
import { expect } from "vitest";
import { type Attachment, ping, projectRoot, type Result, Runtime, readNetwork } from "../helpers/index.ts";
import { createUnderlay, type Member, type Underlay } from "../helpers/underlay.ts";

export const programs = ["ip", "iptables-save", "nft", "ipset", "ping", "tcpdump"] as const;

interface NodeKeys {
  readonly name?: string;
  readonly vtep: string;
  readonly subnets?: readonly string[];
}

interface Plugin {
  readonly type: string;
  readonly discovery?: { readonly type: string; readonly peers: readonly NodeKeys[] };
  readonly l3?: { readonly subnets: readonly string[] };
  readonly ipam: { readonly type: string; readonly ranges?: readonly { readonly rangeStart: string }[][] };
}

/** What conf-examples/README.md says is to be exchanged. */
function forNode(plugin: Plugin, index: number, own: Member): Plugin {
  const { discovery, l3, ipam } = plugin;
  const isV6 = discovery?.peers[0]?.vtep.includes(":") === true;
  const first: NodeKeys = {
    name: "node1",
    vtep: isV6 ? "2001:db8::1" : "192.0.2.1",
    ...(l3 === undefined ? {} : { subnets: l3.subnets }),
  };
  const nodes = [first, ...(discovery?.peers ?? [])];
  const ownAddress = isV6 ? own.address6 : own.address4;
  const peers = nodes.filter(({ vtep }) => vtep !== ownAddress);
  const subnets = nodes.find(({ vtep }) => vtep === ownAddress)?.subnets ?? [];
  const shift = (text: string) => text.replace(/\d+$/, (last) => String(Number(last) + 60 * index));
  const ranges = ipam.ranges?.map((set) =>
    set.map((range) =>
      Object.fromEntries(
        Object.entries(range).map(([key, value]) => [key, key === "subnet" ? value : shift(String(value))]),
      ),
    ),
  );
  return {
    ...plugin,
    ...(discovery === undefined ? {} : { discovery: { ...discovery, peers } }),
    ...(l3 === undefined ? {} : { l3: { ...l3, subnets } }),
    ipam: { ...ipam, ...(ranges === undefined ? {} : { ranges }) } as Plugin["ipam"],
  };
}

export interface OverlayPod extends Attachment {
  readonly node: Member;
  readonly runtime: Runtime;
  readonly result: Result;
  readonly addresses: readonly string[];
}

async function attach(node: Member, runtime: Runtime, name: string): Promise<OverlayPod> {
  const netns = await node.addNetns(name);
  const attachment = { containerId: `container-${name}`, netns, ifname: "eth0" };
  const result = await runtime.add(attachment);
  const addresses = (result.ips ?? []).map(({ address }) => address.replace(/\/.*/, ""));
  return { ...attachment, node, runtime, result, addresses };
}

/**
 * Runs an example on that many nodes with a pod each. All pods reach all others; `prove` shows the rest. CHECK agrees,
 * and DEL leaves nothing of the pods.
 */
export async function runOverlayExample(
  file: string,
  count: number,
  prove: (pods: readonly OverlayPod[], underlay: Underlay) => Promise<void> = async () => {},
): Promise<void> {
  await using underlay = await createUnderlay(count);
  const network = readNetwork(join(projectRoot, "conf-examples", file));
  const pods: OverlayPod[] = [];
  const before: unknown[] = [];
  for (const [index, node] of underlay.members.entries()) {
    const plugins = network.plugins.map(
      (plugin) => forNode(plugin as unknown as Plugin, index, node) as never,
    );
    const runtime = new Runtime(node, { ...network, plugins });
    // The first attachment makes what stays for the next ones.
    const first = await attach(node, runtime, "zero");
    await runtime.del(first, first.result);
    before.push(await node.snapshot());
    pods.push(await attach(node, runtime, "one"));
  }
  for (const from of pods) {
    for (const to of pods.filter((pod) => pod !== from)) {
      for (const address of to.addresses) {
        expect(await ping(from.node, address, { netns: "one" }), `to ${address}`).toBe(true);
      }
    }
  }
  await prove(pods, underlay);
  for (const pod of pods) await pod.runtime.check(pod, pod.result);
  for (const [index, pod] of pods.entries()) {
    await pod.runtime.del(pod, pod.result);
    expect(await pod.node.snapshot()).toEqual(before[index]);
  }
}
