/**
 * The counted calls: each plugin in a usual network, without other programs of the machine. A plugin whose interfaces this
 * machine's kernel may lack is not counted.
 */
import { builtPlugin, createOutside, type Network } from "../../test/helpers/index.ts";
import { writeSubnetEnv } from "../../test/helpers/subnet-env.ts";
import { bridge, hostLocal, masqueraded, network, portmap, ptp } from "../bench/networks.ts";
import type { Site } from "../bench/site.ts";
import { exampleOf, findPluginFolders, scenariosOf } from "../plugins.ts";

export interface Subject {
  readonly plugin: string;
  readonly network: Network;
  /** Makes further objects that the plugin needs, until disposed of. */
  readonly furnish?: (site: Site) => Promise<AsyncDisposable>;
}

const vxlan = {
  type: "vxlan",
  mode: "l3",
  vni: 100,
  // The interface of createOutside.
  underlay: { dev: "uplink" },
  l3: { network: "10.64.0.0/16", subnets: ["10.64.1.0/24"] },
  discovery: { type: "static", peers: [{ vtep: "203.0.113.1", subnets: ["10.64.2.0/24"] }] },
  ipam: { type: "host-local" },
};

const subject = (...plugins: Network["plugins"]): Subject => ({
  plugin: plugins.at(-1)?.type ?? "",
  // The first version with all verbs.
  network: { ...network(...plugins), cniVersion: "1.1.0" },
});

/** A server and the daemon, on a bridge of containers without addresses. */
async function furnishDhcp({ node }: Site): Promise<AsyncDisposable> {
  const bridge = "ip link add lan type bridge && ip address add 10.40.0.1/24 dev lan && ip link set lan up";
  await node.exec("sh", ["-c", bridge]);
  const words =
    "--keep-in-foreground --conf-file=/dev/null --port=0 --pid-file= --no-resolv --no-ping --user=root --log-facility=-";
  const place =
    "--interface=lan --bind-dynamic --dhcp-leasefile=/run/leases --dhcp-range=10.40.0.50,10.40.0.250,2m";
  const server = node.start("sh", ["-c", `exec dnsmasq ${words} ${place} 2>&1`]);
  await server.firstLine();
  const daemon = node.start(builtPlugin("dhcp"), ["daemon"]);
  const wait = "until [ -S /run/cni/dhcp.sock ]; do sleep 0.01; done";
  await node.exec("sh", ["-c", wait]);
  return {
    [Symbol.asyncDispose]: async () => {
      await daemon.stop();
      await server.stop();
    },
  };
}

/** A chain stands for its last plugin. Not iptables: its tools would be counted, and differ between machines. */
const own: readonly Subject[] = [
  subject(masqueraded(bridge, "nftables")),
  subject(masqueraded(ptp, "nftables")),
  { ...subject(vxlan), furnish: ({ node }) => createOutside(node) },
  subject({ type: "loopback" }),
  subject(ptp, portmap("nftables")),
  subject(ptp, { type: "firewall" }),
  subject(ptp, { type: "tuning", sysctl: { "net.core.somaxconn": "1024" }, mtu: 1400 }),
  subject(ptp, { type: "sbr" }),
  { ...subject({ type: "flannel" }), furnish: ({ node }) => writeSubnetEnv(node) },
  subject(ptp, {
    type: "bandwidth",
    ingressRate: 8_000_000,
    ingressBurst: 800_000,
    egressRate: 8_000_000,
    egressBurst: 800_000,
  }),
  subject(hostLocal),
  subject({
    type: "static",
    ipam: { type: "static", addresses: [{ address: "10.39.0.5/24", gateway: "10.39.0.1" }] },
  }),
  // It runs within the plugin that makes the interface.
  {
    ...subject({ type: "bridge", bridge: "lan", ipam: { type: "dhcp" } }),
    plugin: "dhcp",
    furnish: furnishDhcp,
  },
];

/** Plugins with an example in their folder are counted by it. */
const examples = findPluginFolders()
  .filter((plugin) => scenariosOf(plugin) === undefined)
  .flatMap((plugin) => exampleOf(plugin) ?? [])
  // The master of a plugin that names none is the interface with the default route.
  .map(({ plugins }) => ({ ...subject(...plugins), furnish: ({ node }: Site) => createOutside(node) }));

export const subjects: readonly Subject[] = [...own, ...examples];
