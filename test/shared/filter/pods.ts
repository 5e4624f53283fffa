/** Pods whose traffic passes the node's packet filter. */
import type { Node } from "../../helpers/index.ts";

/**
 * Makes pods that are routed, not bridged, so that traffic between them passes the node's packet filter: each a named
 * namespace with eth0, its addresses, and default routes to the node.
 */
export const createPods = async (node: Node, pods: Readonly<Record<string, readonly string[]>>) => {
  const commands = ["sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"];
  await node.addNetnses(Object.keys(pods));
  for (const [name, addresses] of Object.entries(pods)) {
    const inside = `ip -n ${name}`;
    commands.push(
      `ip link add host-${name} type veth peer name eth0 netns ${name}`,
      `ip address add 169.254.1.1/32 dev host-${name}`,
      `ip address add fe80::1/64 dev host-${name} nodad`,
      `ip link set host-${name} up`,
      `${inside} link set lo up`,
      `${inside} link set eth0 up`,
    );
    for (const address of addresses) {
      const nodad = address.includes(":") ? "nodad" : "";
      commands.push(
        `${inside} address add ${address} dev eth0 ${nodad}`,
        `ip route add ${address} dev host-${name}`,
      );
    }
    commands.push(
      `${inside} route add 169.254.1.1 dev eth0`,
      `${inside} route add default via 169.254.1.1`,
      `${inside} -6 route add default via fe80::1 dev eth0`,
    );
  }
  await node.exec("sh", ["-ec", commands.join("\n")]);
};
