import assert from "node:assert/strict";
import type { VmNode } from "../node.ts";
import type { Pod } from "./pods.ts";
import { ping } from "./traffic.ts";

interface VlanEntry {
  readonly ifname: string;
  readonly vlans: readonly { readonly vlan: number; readonly vlanEnd?: number; readonly flags?: string[] }[];
}

/** The VLANs of a bridge port as iproute2 shows them, in short: `["1", "100 pvid untagged", "200-300"]`. */
export const portVlans = async (node: VmNode, port: string): Promise<string[]> => {
  const entries = await node.execJson<VlanEntry[]>("bridge", [
    "-compressvlans",
    "-j",
    "vlan",
    "show",
    "dev",
    port,
  ]);
  const vlans = entries.find((entry) => entry.ifname === port)?.vlans ?? [];
  return vlans.map(({ vlan, vlanEnd, flags = [] }) => {
    const words = [vlanEnd === undefined ? `${vlan}` : `${vlan}-${vlanEnd}`];
    if (flags.includes("PVID")) words.push("pvid");
    if (flags.includes("Egress Untagged")) words.push("untagged");
    return words.join(" ");
  });
};

/** Gives a pod an interface for a VLAN of its own, as a program that speaks 802.1Q would. */
export const addTagged = async (node: VmNode, pod: Pod, vlan: number, address: string): Promise<void> => {
  const link = `eth0.${vlan}`;
  const batch = [
    `link add link eth0 name ${link} type vlan id ${vlan}`,
    `address add ${address}/24 dev ${link}`,
    `link set ${link} up`,
  ];
  await node.exec("ip", ["-batch", "-"], { netns: pod.netns, input: `${batch.join("\n")}\n` });
};

export const assertReaches = async (node: VmNode, pod: Pod, address: string): Promise<void> => {
  assert.ok(await ping(node, address, { netns: pod.netns, seconds: 10 }), `${pod.netns} reaches ${address}`);
};

/** Two seconds of silence: ten packets, where the emulated machine needs a hundredth of that for an answer. */
export const assertSilent = async (node: VmNode, pod: Pod, address: string): Promise<void> => {
  const answered = await ping(node, address, { netns: pod.netns, seconds: 2 });
  assert.ok(!answered, `${pod.netns} must not reach ${address}`);
};

/** Whether the bridge sorts frames by VLAN. */
export const isFiltering = async (node: VmNode, bridge: string): Promise<boolean> => {
  const [link] = await node.execJson<Link[]>("ip", ["-j", "-d", "link", "show", bridge]);
  return link?.linkinfo?.info_data?.vlan_filtering === 1;
};

interface Link {
  readonly linkinfo?: { readonly info_data?: { readonly vlan_filtering?: number } };
}
