/**
 * The table of all sweeps: a plugin takes part in them by its rows here. Each row says how a host is made ready for one more
 * attachment, and with which configuration ADD and DEL are called. The sweeps are the tests of this folder.
 *
 * A chained plugin, such as portmap, attaches `pod` to another plugin's network in `prepare`, and returns the previous result in
 * its configuration:
 *
 *     { name: "portmap (nftables)", plugin: "portmap", programs, prepare: async (host, pod) => {
 *         const bridge = new Host(host.node, builtPlugin("bridge"));
 *         const prevResult = await bridge.add(pod, bridgeConfig);
 *         return { add: { ...config, runtimeConfig, prevResult }, del: config };
 *     } },
 */
import { expect } from "vitest";
import { builtPlugin } from "../../helpers/index.ts";
import { subnetEnv, writeSubnetEnv } from "../../helpers/subnet-env.ts";
import { World as DhcpWorld, network as dhcpNetwork } from "../../ipam/dhcp/world.ts";
import { Host, type Keys, type Pod } from "../attachment/host.ts";
import { everything as bridgeNetwork } from "../bridge/everything.ts";
import { programs as bridgePrograms } from "../bridge/host.ts";
import { programs as portmapPrograms } from "../portmap/host.ts";
import { network as plainPtp, everything as ptpNetwork, programs as ptpPrograms } from "../ptp/host.ts";
import { changedNetwork, makeUnderlay, overlayIfAny, network as vxlanNetwork } from "../vxlan/single-node.ts";
import { programs as vxlanPrograms } from "../vxlan/world.ts";
import type { Step } from "./system-calls.ts";

/** What is called on a prepared host. */
export interface Calls {
  /** The configuration of ADD and CHECK. */
  readonly add: Keys;
  /** The configuration of DEL and GC; that of ADD unless given. */
  readonly del?: Keys;
  /** The attachments of the plugin, with their results, that must not be harmed. GC is given them as valid. `config`: that of their CHECK, if it is another one. */
  readonly kept?: readonly { readonly pod: Pod; readonly result: unknown; readonly config?: Keys }[];
  /** Undoes what DEL leaves of an ADD, for networks in which an ADD changes what all attachments use. */
  readonly restore?: () => Promise<void>;
  /** State that no snapshot shows. */
  readonly state?: () => Promise<unknown>;
}

/** Makes a new host ready for the attachment of `pod`. */
export type Prepare = (host: Host, pod: Pod) => Promise<Calls>;

/** A row of the table. */
export interface Subject {
  /** The plugin's name, and what is special about this row. */
  readonly name: string;
  /** The folder in plugins/ or ipam/. */
  readonly plugin: string;
  /** Programs that are called beside strace(1). */
  readonly programs: readonly string[];
  /** False where the kernel lacks what the plugin makes. */
  readonly isPossible?: boolean;
  /** The interface in the container; eth0 unless given. */
  readonly ifname?: string;
  /**
   * True for a plugin that has nothing on the host. What a failed or killed call leaves inside the container goes with its
   * namespace; a DEL with the namespace clears it up too.
   */
  readonly isInside?: boolean;
  /** A host that has seen ADDs of this network. Another container on it must not be harmed. */
  readonly prepare: Prepare;
  /** A host that has seen none, for a plugin that leaves something for all attachments: the devices that stay. */
  readonly first?: { readonly prepare: Prepare; readonly staying: readonly string[] };
  /** Steps that are not made to fail, with the reason in a comment. */
  readonly isSpared?: (step: Step) => boolean;
  /** True if only one container can be attached by the configuration at a time. */
  readonly isExclusive?: boolean;
  /** True for a plugin that makes an interface, so that each container can be attached by the same configuration. */
  readonly makesInterface?: boolean;
}

/** A warm host with another container on the same network. */
const withNeighbour =
  (config: Keys): Prepare =>
  async (host) => {
    await host.warmUp(config);
    const neighbour = await host.pod("neighbour");
    const result = await host.add(neighbour, config);
    return { add: config, kept: [{ pod: neighbour, result }] };
  };

const onNewHost =
  (config: Keys): Prepare =>
  async () => ({ add: config });

/**
 * Not close, where iptables-restore is started: kept from happening, it leaves the pipe open by which it reports an error. No
 * kernel does that, whatever close returns.
 */
const isSparedByIptables = ({ syscall }: Step) => syscall === "close";

/** A network whose ADDs take every kind of step, with both packet filters. */
const interfaceRows = (
  plugin: string,
  network: Keys,
  programs: readonly string[],
  staying: readonly string[],
): Subject[] =>
  ["iptables", "nftables"].map((ipMasqBackend) => {
    const config = { ...network, ipMasqBackend };
    return {
      name: `${plugin} (${ipMasqBackend})`,
      plugin,
      programs,
      prepare: withNeighbour(config),
      first: { prepare: onNewHost(config), staying },
      ...(ipMasqBackend === "iptables" ? { isSpared: isSparedByIptables } : {}),
      makesInterface: true,
    };
  });

/**
 * Not close: kept from happening, it keeps the lock on the file, and no kernel does that, whatever close returns. Not
 * the result either: all is done by then, and the runner detaches the pod.
 */
const isSparedByVxlan = ({ syscall, line }: Step) => syscall === "close" || line.startsWith("write(1,");

/** An overlay that the only attachment makes, and that DEL takes away unless it keeps the device. */
const vxlanRow = (mode: "l2" | "l3", keepDevice = false): Subject => {
  const config = vxlanNetwork(mode, [2, 3], { keepDevice, ipMasq: mode === "l3" });
  return {
    name: `vxlan (${mode})`,
    plugin: "vxlan",
    programs: vxlanPrograms,
    prepare: async (host) => {
      await makeUnderlay(host);
      await host.warmUp(config);
      return { add: config, state: () => overlayIfAny(host) };
    },
    isSpared: isSparedByVxlan,
    makesInterface: true,
  };
};

/** An ADD with other peers and another local address: it changes the overlay that another container uses. */
const changedVxlanRow = (mode: "l2" | "l3"): Subject => ({
  ...vxlanRow(mode),
  name: `vxlan (${mode}) with changed peers`,
  prepare: async (host) => {
    const former = vxlanNetwork(mode, [2, 3]);
    await makeUnderlay(host);
    await host.add(await host.pod("neighbour"), former);
    const other = await host.pod("other");
    const restore = async () => {
      await host.add(other, former);
      await host.del(other, former);
    };
    await restore();
    return { add: changedNetwork(mode), restore, state: () => overlayIfAny(host) };
  },
});

/** Host ports of a container that the bridge has connected, beside another container's. */
const portmapRow = (backend: "iptables" | "nftables"): Subject => ({
  name: `portmap (${backend})`,
  plugin: "portmap",
  programs: portmapPrograms,
  ...(backend === "iptables" ? { isSpared: isSparedByIptables } : {}),
  prepare: async (host, pod) => {
    const bridge = new Host(host.node, builtPlugin("bridge"));
    const config = { cniVersion: "1.1.0", name: "net", type: "portmap", backend };
    const attach = async (each: Pod, portMappings: readonly object[]) => {
      const prevResult = await bridge.add(each, { ...bridgeNetwork, ipMasqBackend: backend });
      return { ...config, runtimeConfig: { portMappings }, prevResult };
    };
    const neighbour = await host.pod("neighbour");
    const kept = await attach(neighbour, [{ hostPort: 8096, containerPort: 80 }]);
    const result = await host.add(neighbour, kept);
    const add = await attach(pod, [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8080, containerPort: 53, protocol: "udp" },
    ]);
    return { add, del: config, kept: [{ pod: neighbour, result, config: kept }] };
  },
});

/** Forwarded traffic of a container that the bridge has connected, beside another container's. */
const firewallRow = (backend: "iptables" | "nftables"): Subject => ({
  name: `firewall (${backend})`,
  plugin: "firewall",
  programs: portmapPrograms,
  ...(backend === "iptables" ? { isSpared: isSparedByIptables } : {}),
  prepare: async (host, pod) => {
    const bridge = new Host(host.node, builtPlugin("bridge"));
    const keys = { backend, ingressPolicy: "same-bridge" };
    const config = { cniVersion: "1.1.0", name: "net", type: "firewall", ...keys };
    const attach = async (each: Pod) => ({
      ...config,
      prevResult: await bridge.add(each, { ...bridgeNetwork, ipMasqBackend: backend }),
    });
    const neighbour = await host.pod("neighbour");
    const kept = await attach(neighbour);
    const result = await host.add(neighbour, kept);
    return { add: await attach(pod), del: config, kept: [{ pod: neighbour, result, config: kept }] };
  },
});

/** A chained plugin that changes the namespace of a container that ptp has attached, beside another container's. */
const chainedRow = (plugin: string, keys: Keys): Subject => ({
  name: plugin,
  plugin,
  programs: ["ip"],
  isInside: true,
  prepare: async (host, pod) => {
    const ptp = new Host(host.node, builtPlugin("ptp"));
    const config = { cniVersion: "1.1.0", name: "net", type: plugin, ...keys };
    const attach = async (each: Pod) => ({ ...config, prevResult: await ptp.add(each, plainPtp()) });
    const neighbour = await host.pod("neighbour");
    const kept = await attach(neighbour);
    const result = await host.add(neighbour, kept);
    const add = await attach(pod);
    const [, { mac }] = add.prevResult.interfaces;
    // Of an interface whose DEL knew no namespace.
    const set = ["link", "set", pod.ifname, "address", mac, "mtu", "1500"];
    const restore = async () => void (await host.node.exec("ip", set, { netns: pod.name }));
    return { add, del: config, kept: [{ pod: neighbour, result, config: kept }], restore };
  },
});

/** A bridge by way of flannel: with the file of flanneld, and another that DEL needs. */
const flannelHost =
  (prepare: (config: Keys) => Prepare): Prepare =>
  async (host, pod) => {
    await writeSubnetEnv(host.node, { ...subnetEnv, FLANNEL_SUBNET: "10.1.0.1/24" });
    return prepare({ cniVersion: "1.1.0", name: "net", type: "flannel", delegate: { bridge: "br0" } })(
      host,
      pod,
    );
  };

/** Limits of both directions, of a container that ptp has attached, beside another container's. */
const bandwidthRow = (name: string, keys: Keys): Subject => ({
  name,
  plugin: "bandwidth",
  programs: ["ip", "tc"],
  prepare: async (host, pod) => {
    const ptp = new Host(host.node, builtPlugin("ptp"));
    const limits = { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 };
    const config = { cniVersion: "1.1.0", name: "net", type: "bandwidth", ...limits, ...keys };
    const attach = async (each: Pod) => ({ ...config, prevResult: await ptp.add(each, plainPtp()) });
    const neighbour = await host.pod("neighbour");
    const kept = await attach(neighbour);
    const result = await host.add(neighbour, kept);
    const add = await attach(pod);
    const end: string = add.prevResult.interfaces[0].name;
    // The kernel's own address is tentative for a moment, which a comparison would see.
    const tentative = () => host.node.exec("ip", ["-6", "address", "show", "tentative"], { netns: pod.name });
    await expect.poll(async () => (await tentative()).stdout).toBe("");
    // A snapshot shows the root qdisc alone.
    const state = async () =>
      (
        await host.node.exec("sh", ["-c", `tc qdisc show dev ${end}; tc filter show dev ${end} ingress`], {
          reject: false,
        })
      ).stdout;
    return { add, del: config, kept: [{ pod: neighbour, result, config: kept }], state };
  },
});

/** A server and the daemon, with a lease of another container. */
async function withLeases(world: DhcpWorld, host: Host, neighbour: Pod, network: Keys): Promise<Calls> {
  await world.dnsmasq();
  await world.daemon();
  const result = await host.add(neighbour, network);
  // The server hears of a release a moment after DEL.
  const state = async () => {
    const files = await world.files();
    await expect.poll(() => world.leased()).toHaveLength(files.length);
    return files;
  };
  return { add: network, kept: [{ pod: neighbour, result }], state };
}

const addresses = ["10.1.0.0/24", "fd00:1::/64"].map((subnet) => [{ subnet }]);

export const subjects: readonly Subject[] = [
  ...interfaceRows("bridge", bridgeNetwork, bridgePrograms, ["br0"]),
  ...interfaceRows("ptp", ptpNetwork, ptpPrograms, []),
  portmapRow("iptables"),
  portmapRow("nftables"),
  firewallRow("iptables"),
  firewallRow("nftables"),
  vxlanRow("l2"),
  vxlanRow("l3"),
  {
    name: "macvlan",
    plugin: "macvlan",
    programs: ["ip"],
    isInside: true,
    prepare: async (host, pod) => {
      const cable = ["link", "add", "up0", "up", "type", "veth", "peer", "name", "up1"];
      await host.node.exec("ip", cable);
      await host.node.exec("ip", ["link", "set", "up1", "up"]);
      const ipam = { type: "host-local", ranges: addresses.slice(0, 1) };
      return withNeighbour({ cniVersion: "1.1.0", name: "net", type: "macvlan", master: "up0", ipam })(
        host,
        pod,
      );
    },
    makesInterface: true,
  },
  {
    name: "tap",
    plugin: "tap",
    programs: ["ip"],
    isInside: true,
    prepare: withNeighbour({
      cniVersion: "1.1.0",
      name: "net",
      type: "tap",
      owner: 107,
      group: 107,
      ipam: { type: "host-local", ranges: addresses.slice(0, 1) },
    }),
    makesInterface: true,
  },
  {
    name: "host-device",
    plugin: "host-device",
    programs: ["ip"],
    prepare: async (host) => {
      // They are down: DEL leaves a device so.
      for (const [device, end] of [
        ["up0", "up1"],
        ["up2", "up3"],
      ] as const)
        await host.node.exec("ip", ["link", "add", device, "type", "veth", "peer", "name", end]);
      const ipam = { type: "host-local", ranges: addresses.slice(0, 1) };
      const config = { cniVersion: "1.1.0", name: "net", type: "host-device", device: "up0", ipam };
      await host.warmUp(config);
      const neighbour = await host.pod("neighbour");
      const kept = { ...config, device: "up2" };
      return {
        add: config,
        kept: [{ pod: neighbour, result: await host.add(neighbour, kept), config: kept }],
      };
    },
    isExclusive: true,
    makesInterface: true,
  },
  chainedRow("tuning", { sysctl: { "net.core.somaxconn": "512" }, mac: "02:00:00:00:00:07", mtu: 1400 }),
  chainedRow("sbr", {}),
  bandwidthRow("bandwidth", {}),
  bandwidthRow("bandwidth with networks", { unshapedSubnets: ["192.0.2.0/24", "2001:db8::/32"] }),
  {
    name: "flannel",
    plugin: "flannel",
    programs: bridgePrograms,
    prepare: flannelHost(withNeighbour),
    first: { prepare: flannelHost(onNewHost), staying: ["br0"] },
    makesInterface: true,
  },
  {
    name: "host-local",
    plugin: "host-local",
    programs: ["ip"],
    prepare: withNeighbour({
      cniVersion: "1.1.0",
      name: "net",
      type: "bridge",
      ipam: { type: "host-local", ranges: addresses },
    }),
  },
  {
    name: "dhcp",
    plugin: "dhcp",
    programs: ["ip", "dnsmasq"],
    isInside: true,
    prepare: async (host, pod) => {
      const world = await DhcpWorld.on(host.node);
      await world.attach(pod.name);
      // A plugin that makes an interface brings it up before it asks for an address.
      for (const words of ["addrgenmode none", "up"])
        await host.node.exec("ip", ["link", "set", "eth0", ...words.split(" ")], { netns: pod.name });
      const neighbour = await world.pod("neighbour");
      return withLeases(world, host, neighbour, dhcpNetwork());
    },
  },
  // Not for the sweeps of ADDs side by side, which look into the store of host-local.
  {
    name: "bridge (dhcp)",
    plugin: "bridge",
    programs: ["ip", "dnsmasq"],
    prepare: async (host) => {
      const world = await DhcpWorld.on(host.node);
      // Where the link is gone before the lease, the release comes from the node.
      await host.node.exec("ip", ["address", "add", "10.9.0.2/24", "dev", "lan"]);
      const network = dhcpNetwork({}, { type: "bridge", bridge: "lan", macspoofchk: true });
      return withLeases(world, host, await host.pod("neighbour"), network);
    },
  },
  {
    name: "loopback",
    plugin: "loopback",
    programs: ["ip"],
    ifname: "lo",
    isInside: true,
    prepare: async (host, pod) => {
      // The kernel leaves an address on a loopback interface that has been up once.
      const config = { cniVersion: "1.1.0", name: "lo-net", type: "loopback" };
      await host.add(pod, config);
      await host.del(pod, config);
      return { add: config };
    },
  },
];

/** For ADDs side by side: between two of them the overlay stays. */
export const keptOverlays: readonly Subject[] = (["l2", "l3"] as const).map((mode) => ({
  ...vxlanRow(mode, true),
  name: `vxlan (${mode}) that keeps its device`,
}));

/** Rows for the sweep of failing ADDs alone: what they change is there before, and stays. */
export const changes: readonly Subject[] = [changedVxlanRow("l2"), changedVxlanRow("l3")];

/** Whether a step of the subject is made to fail. */
export const isTried =
  ({ isSpared }: Subject) =>
  (step: Step): boolean =>
    isSpared?.(step) !== true;
