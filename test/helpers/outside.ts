import { createNode, type Node } from "./node.ts";

/** Another machine, joined to a node by a cable: it plays the internet. */
export interface Outside extends Node {
  /** Its own addresses. */
  readonly address4: string;
  readonly address6: string;
  /** The node's addresses on the cable. */
  readonly nodeAddress4: string;
  readonly nodeAddress6: string;
  /** The node's end of the cable. */
  readonly uplink: string;
}

const cable = {
  address4: "203.0.113.1",
  address6: "2001:db8:ffff::1",
  nodeAddress4: "203.0.113.2",
  nodeAddress6: "2001:db8:ffff::2",
  uplink: "uplink",
} as const;

async function bringUp(end: Node, link: string, address4: string, address6: string): Promise<void> {
  const batch = [
    `address add ${address4}/24 dev ${link}`,
    `address add ${address6}/64 dev ${link} nodad`,
    `link set ${link} up`,
  ];
  await end.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
}

/**
 * Makes another machine and a veth cable to it (`uplink` on the node, `eth0` outside), with v4 and v6
 * addresses, and points the node's default routes at it. It has no route back to what is behind the node:
 * a container's packet is answered only if the node translated its source address.
 */
export async function createOutside(node: Node, options: { readonly mtu?: number } = {}): Promise<Outside> {
  const outside = await createNode();
  const mtu = ["mtu", String(options.mtu ?? 1500)];
  const peer = ["peer", "name", "eth0", ...mtu, "netns", String(outside.pid)];
  await node.exec("ip", ["link", "add", cable.uplink, ...mtu, "type", "veth", ...peer]);
  await bringUp(outside, "eth0", cable.address4, cable.address6);
  await bringUp(node, cable.uplink, cable.nodeAddress4, cable.nodeAddress6);
  await node.exec("ip", ["-4", "route", "add", "default", "via", cable.address4]);
  await node.exec("ip", ["-6", "route", "add", "default", "via", cable.address6]);
  return { ...outside, ...cable };
}
