/** No plugin ever runs nft, and a call runs iptables-restore once a family at most: all plugins, all verbs. */
import { expect, test } from "vitest";
import { exampleOf, findPluginFolders, scenariosOf } from "../../scripts/plugins.ts";
import { builtPlugin, canRun, createNode, type Node } from "../helpers/index.ts";
import { writeSubnetEnv } from "../helpers/subnet-env.ts";
import { Host, hostLocal, type Keys, type Pod, subnet4, subnet6 } from "./attachment/host.ts";
import { callTraced } from "./attachment/started-programs.ts";

const ipam = hostLocal([subnet4, subnet6]);
const backends = ["iptables", "nftables"] as const;
type Backend = (typeof backends)[number];

/** A chain of plugins, and what its configuration has for each of them. */
type Described = readonly [string, (backend: Backend) => Readonly<Record<string, Keys>>];

/** Plugins whose tests run in the virtual machine are asked there. */
const folders = findPluginFolders().filter((plugin) => scenariosOf(plugin) === undefined);

/** The plugins that have an example in their folder. */
const examples = folders.flatMap((folder): Described[] => {
  const plugins = exampleOf(folder)?.plugins;
  if (plugins === undefined) return [];
  return [[folder.name, () => Object.fromEntries(plugins.map((plugin) => [plugin.type, plugin]))]];
});

const chains: readonly Described[] = [
  ...examples,
  [
    "bridge and portmap",
    (backend) => ({
      bridge: { isDefaultGateway: true, ipMasq: true, ipMasqBackend: backend, macspoofchk: true, ipam },
      portmap: portmap(backend),
    }),
  ],
  [
    "ptp and portmap",
    (backend) => ({ ptp: { ipMasq: true, ipMasqBackend: backend, ipam }, portmap: portmap(backend) }),
  ],
  [
    "vxlan",
    (backend) => ({
      vxlan: {
        mode: "l2",
        vni: 100,
        underlay: { dev: "up0" },
        isDefaultGateway: true,
        ipMasq: true,
        ipMasqBackend: backend,
        discovery: { type: "static", peers: [{ name: "n2", vtep: "192.0.2.11" }] },
        ipam: hostLocal([subnet4]),
      },
    }),
  ],
  [
    "bridge, tuning, sbr and bandwidth",
    () => ({
      bridge: { isDefaultGateway: true, ipam },
      tuning: { sysctl: { "net.core.somaxconn": "512" }, mtu: 1400 },
      sbr: {},
      bandwidth: { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 },
    }),
  ],
  [
    "flannel",
    (backend) => ({
      flannel: { delegate: { ipMasq: true, ipMasqBackend: backend, isDefaultGateway: true } },
    }),
  ],
  [
    "bridge and firewall",
    (backend) => ({
      bridge: { isGateway: true, ipam },
      firewall: { backend, ingressPolicy: "same-bridge" },
    }),
  ],
  ["static", () => ({ static: { ipam: { type: "static", addresses: [{ address: "10.1.0.9/24" }] } } })],
  ["loopback", () => ({ loopback: {} })],
  ["host-local", () => ({ "host-local": { ipam: { ...hostLocal([subnet4]) } } })],
];

const portmap = (backend: Backend): Keys => ({
  backend,
  runtimeConfig: {
    portMappings: [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8081, containerPort: 81, protocol: "udp", hostIP: "192.0.2.10" },
    ],
  },
});

/**
 * What a call may start: no program, but for iptables. The first ADD on a node starts iptables-restore twice a family, since the
 * first run finds none of podwire's chains, and iptables-save for each of up to three tables.
 */
const allowed: Readonly<Record<Backend, readonly string[]>> = {
  iptables: ["", "6"].flatMap((family) =>
    ["", "-nft", "-legacy"].flatMap((variant) =>
      ["restore", "save"].map((verb) => `ip${family}tables${variant}-${verb}`),
    ),
  ),
  nftables: [],
};

class Chain {
  readonly started: string[] = [];
  private readonly node: Node;
  private readonly plugins: Readonly<Record<string, Keys>>;
  private readonly most: readonly string[];

  constructor(node: Node, plugins: Readonly<Record<string, Keys>>, backend: Backend) {
    this.node = node;
    this.plugins = plugins;
    this.most = allowed[backend];
  }

  /** Makes the call of every plugin of the chain; returns the last result. */
  async call(command: "ADD" | "CHECK" | "DEL" | "STATUS" | "GC", pod: Pod | undefined, more: Keys = {}) {
    let result: unknown = more["prevResult"];
    for (const [type, keys] of Object.entries(this.plugins)) {
      const config = { cniVersion: "1.1.0", name: "net", type, ...keys, ...more };
      const input = result === undefined ? config : { ...config, prevResult: result };
      const { stdout, started } = await callTraced(
        new Host(this.node, builtPlugin(type)),
        command,
        pod,
        input,
      );
      const label = `${type} ${command}`;
      expect(
        started.filter((program) => !this.most.includes(program)),
        label,
      ).toEqual([]);
      for (const program of started) {
        const most = program.endsWith("-save") ? 3 : 2;
        expect(started.filter((each) => each === program).length, `${label} ${program}`).toBeLessThanOrEqual(
          most,
        );
      }
      this.started.push(...started);
      if (command === "ADD") result = JSON.parse(stdout);
    }
    return result;
  }
}

test("every built plugin is among them", () => {
  const plugins = chains.flatMap(([, keys]) => Object.keys(keys("nftables")));
  // dhcp needs a server on the network: test/ipam/dhcp.
  const built = folders.map(({ name }) => name).filter((name) => name !== "dhcp");
  expect([...new Set(plugins)].sort()).toEqual(built.sort());
});

const cases = chains.flatMap(([name, plugins]) =>
  backends.map((backend) => ({ name, backend, plugins: plugins(backend) })),
);

test.runIf(canRun("strace", "ip", "iptables", "nft")).each(cases)(
  "$name starts no program but those of iptables ($backend)",
  async ({ backend, plugins }) => {
    await using node = await createNode();
    await node.exec("ip", ["link", "add", "up0", "type", "veth", "peer", "name", "up1"]);
    await node.exec("ip", ["address", "add", "192.0.2.10/24", "dev", "up0"]);
    for (const end of ["up0", "up1"]) await node.exec("ip", ["link", "set", end, "up"]);
    // The master of a plugin whose example names none.
    await node.exec("ip", ["route", "add", "default", "via", "192.0.2.1"]);
    await writeSubnetEnv(node);
    const host = new Host(node, "");
    const [a, b] = await host.pods("a", "b");
    const chain = new Chain(node, plugins, backend);

    await chain.call("STATUS", undefined);
    const result = await chain.call("ADD", a);
    const isFull = "portmap" in plugins || "firewall" in plugins;
    const perCall = backend === "nftables" ? 0 : isFull ? 16 : 8;
    expect(chain.started.length).toBeLessThanOrEqual(perCall);
    await chain.call("CHECK", a, { prevResult: result });
    // Again, as after a crash of the runtime: what is there is replaced.
    if ("portmap" in plugins) {
      const keys = { ...plugins["portmap"], prevResult: result };
      await new Chain(node, { portmap: keys }, backend).call("ADD", a);
    }
    await chain.call("GC", undefined, {
      "cni.dev/valid-attachments": [{ containerID: a.containerId, ifname: "eth0" }],
    });
    await chain.call("DEL", a);
    await chain.call("DEL", b);
    await chain.call("GC", undefined, { "cni.dev/valid-attachments": [] });
  },
);
