/** The same overlay of two nodes, made by ip(8), bridge(8) and nft(8). */
import type { Node } from "../../../test/helpers/index.ts";
import { createUnderlay, type Underlay } from "../../../test/helpers/underlay.ts";

const mac = (index: number) => `0e:76:c0:00:02:0${index + 1}`;

async function makeEnd(node: Node, own: number): Promise<void> {
  const peer = 1 - own;
  const [ownSubnet, peerSubnet] = [`10.244.${own + 1}`, `10.244.${peer + 1}`];
  await node.addNetns("pod");
  const lines = [
    `link add vx100 address ${mac(own)} mtu 1450 type vxlan id 100 dstport 4789 local 192.0.2.${own + 1} srcport 49152 65535 nolearning udpcsum`,
    `address add ${ownSubnet}.0/32 dev vx100`,
    "link set vx100 up",
    `neighbour add ${peerSubnet}.0 lladdr ${mac(peer)} dev vx100 nud permanent`,
    `route add ${peerSubnet}.0/24 via ${peerSubnet}.0 dev vx100 onlink`,
    "link add veth-pod mtu 1450 type veth peer name eth0 mtu 1450 netns pod",
    `address add ${ownSubnet}.1/32 dev veth-pod`,
    "link set veth-pod up",
    `route add ${ownSubnet}.2/32 dev veth-pod`,
  ];
  const inside = [
    `address add ${ownSubnet}.2/32 dev eth0`,
    "link set eth0 up",
    `route add ${ownSubnet}.1/32 dev eth0`,
    `route add default via ${ownSubnet}.1`,
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
  await node.exec(
    "bridge",
    `fdb add ${mac(peer)} dev vx100 dst 192.0.2.${peer + 1} self permanent`.split(" "),
  );
  await node.exec("ip", ["-batch", "-"], { input: `${inside.join("\n")}\n`, netns: "pod" });
  await node.exec("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
}

export async function overlayByHand(): Promise<Underlay> {
  const underlay = await createUnderlay(2);
  for (const [index, node] of underlay.members.entries()) await makeEnd(node, index);
  return underlay;
}

/** The same with a guard that drops foreign frames, as the manual of nft(8) suggests. */
export async function guardedByHand(): Promise<Underlay> {
  const underlay = await overlayByHand();
  for (const [own, node] of underlay.members.entries()) {
    const lines = [
      "add table inet guard",
      "add set inet guard peers { type ipv4_addr; }",
      `add element inet guard peers { 192.0.2.${2 - own} }`,
      "add chain inet guard input { type filter hook input priority raw; }",
      "add rule inet guard input udp dport 4789 @th,96,24 100 ip saddr != @peers drop",
    ];
    await node.exec("nft", ["-f", "-"], { input: `${lines.join("\n")}\n` });
  }
  return underlay;
}
