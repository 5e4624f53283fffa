/** The measured networks. Each has one range of addresses, large enough for all attachments. */
import type { Network, Node } from "../../test/helpers/index.ts";

type Plugin = Network["plugins"][number];

/** What translates addresses and ports. */
export type Backend = "iptables" | "nftables";

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.64.0.0/16" }]],
  routes: [{ dst: "0.0.0.0/0" }],
};

export const bridge: Plugin = { type: "bridge", bridge: "cni0", isGateway: true, ipam };

export const ptp: Plugin = { type: "ptp", ipam };

/** An IPAM plugin by itself, with the input that an interface plugin would pass on. */
export const hostLocal: Plugin = { type: "host-local", ipam };

/** The same without a store: the address is in the configuration. */
export const staticAddress: Plugin = {
  type: "static",
  ipam: { type: "static", addresses: [{ address: "10.64.0.9/16", gateway: "10.64.0.1" }] },
};

/** The device that macvlan interfaces are on; `makeMaster` makes it. */
const master = "up0";

export const macvlan: Plugin = { type: "macvlan", master, ipam };

export async function makeMaster(node: Node): Promise<void> {
  await node.exec("ip", ["link", "add", master, "type", "veth", "peer", "name", "up1"]);
  for (const end of [master, "up1"]) await node.exec("ip", ["link", "set", end, "up"]);
}

/** By itself, after a plugin that has made nothing: two sysctls, one of which is there already. */
export const tuning: Plugin = {
  type: "tuning",
  sysctl: { "net.core.somaxconn": "1024", "net.ipv4.ip_unprivileged_port_start": "1024" },
  prevResult: { cniVersion: "1.0.0", interfaces: [], ips: [{ address: "10.64.0.9/16" }] },
};

export const firewall: Plugin = { type: "firewall" };

export const portmap = (backend?: Backend): Plugin => ({
  type: "portmap",
  ...(backend === undefined ? {} : { backend }),
  capabilities: { portMappings: true },
});

export const masqueraded = (plugin: Plugin, ipMasqBackend?: Backend): Plugin => ({
  ...plugin,
  ipMasq: true,
  ...(ipMasqBackend === undefined ? {} : { ipMasqBackend }),
});

export const network = (...plugins: readonly Plugin[]): Network => ({
  cniVersion: "1.0.0",
  name: "bench",
  plugins,
});

/** Limits of both directions. */
export const bandwidth: Plugin = {
  type: "bandwidth",
  ingressRate: 100_000_000,
  ingressBurst: 10_000_000,
  egressRate: 100_000_000,
  egressBurst: 10_000_000,
};
