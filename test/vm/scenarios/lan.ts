/** A link of the node on which there is another host, for plugins that put containers there. */
import type { VmNode } from "../node.ts";

/** The other host on the link: its namespace, its interface and its addresses. */
export const lan = { netns: "lan", device: "eth0", address4: "10.1.0.254", address6: "fd00:1::254" } as const;

/** Makes the node's interface eth1, and the other host. */
export async function makeLan(node: VmNode): Promise<void> {
  await node.addNetns(lan.netns);
  const link = ["link", "add", "eth1", "type", "veth", "peer", "name", lan.device, "netns", lan.netns];
  await node.exec("ip", link);
  await node.exec("ip", ["link", "set", "eth1", "up"]);
  await node.exec("ip", ["link", "set", lan.device, "up"], { netns: lan.netns });
}

/** Gives the other host its addresses, on an interface of it. */
export async function addLanAddresses(node: VmNode, device: string = lan.device): Promise<void> {
  const inside = { netns: lan.netns };
  await node.exec("ip", ["address", "add", `${lan.address4}/24`, "dev", device], inside);
  await node.exec("ip", ["address", "add", `${lan.address6}/64`, "dev", device, "nodad"], inside);
}
