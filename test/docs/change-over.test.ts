/** docs/change-over.md: its commands, on containers that Debian's plugins have attached, and back. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  builtPlugin,
  canRun,
  createNode,
  createOutside,
  distBin,
  type Node,
  type Outside,
  ping,
  projectRoot,
  referenceBin,
  referencePlugin,
  seenAddress,
  startEcho,
} from "../helpers/index.ts";
import { giveOwnFolder } from "../helpers/own-folder.ts";

const page = readFileSync(join(projectRoot, "docs/change-over.md"), "utf8");

/** The commands of a section, in order. */
function commandsOf(title: string): string[] {
  const [, section = ""] = page.split(`\n## ${title}\n`);
  const blocks = (section.split(/\n## /)[0] ?? "").match(/(?:^ {4}.*\n)+/gm) ?? [];
  const commands = blocks.map((block) => block.replaceAll(/^ {4}/gm, ""));
  expect(commands.length, title).toBeGreaterThan(0);
  return commands;
}

const hostLocal = (subnet: string, routes: readonly object[] = []) => ({
  type: "host-local",
  ranges: [[{ subnet }]],
  routes,
});
const everywhere = [{ dst: "0.0.0.0/0" }];

/** What Debian's package 1.1.1 has and this kernel can make; vlan and ipvlan change over in the virtual machine. */
const networks: Readonly<Record<string, readonly object[]>> = {
  loop: [{ type: "loopback" }],
  whole: [
    { type: "bridge", bridge: "br0", isDefaultGateway: true, ipMasq: true, ipam: hostLocal("10.41.0.0/24") },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall" },
    { type: "bandwidth", ingressRate: 1e8, ingressBurst: 1e7, egressRate: 1e8, egressBurst: 1e7 },
    { type: "tuning", sysctl: { "net.core.somaxconn": "600" }, mtu: 1400, promisc: true },
  ],
  wire: [{ type: "ptp", ipam: hostLocal("10.42.0.0/24", everywhere) }],
  further: [
    { type: "bridge", bridge: "br1", isGateway: true, ipam: hostLocal("10.43.0.0/24", everywhere) },
    { type: "sbr" },
  ],
  moved: [
    {
      type: "host-device",
      device: "dev0",
      ipam: { type: "static", addresses: [{ address: "192.0.2.7/24" }] },
    },
  ],
  below: [
    {
      type: "macvlan",
      master: "uplink",
      ipam: { type: "static", addresses: [{ address: "203.0.113.77/24" }] },
    },
  ],
};

const attachments: readonly (readonly [network: string, container: string, ifname: string])[] = [
  ["loop", "a", "lo"],
  ["whole", "a", "eth0"],
  ["further", "a", "net1"],
  ["wire", "b", "eth0"],
  ["below", "c", "eth0"],
  ["moved", "c", "net1"],
];

class World implements AsyncDisposable {
  readonly node: Node;
  readonly outside: Outside;

  private constructor(node: Node, outside: Outside) {
    this.node = node;
    this.outside = outside;
  }

  static async create(): Promise<World> {
    const node = await createNode();
    const outside = await createOutside(node);
    for (const folder of ["/opt/cni", "/etc/cni"]) await giveOwnFolder(node, folder);
    await node.exec("mkdir", ["-p", "/opt/cni/bin", "/etc/cni/net.d"]);
    await node.exec("sh", ["-c", `cp -a ${referenceBin}/. /opt/cni/bin/`]);
    for (const [name, plugins] of Object.entries(networks)) {
      const list = JSON.stringify({ cniVersion: "1.0.0", name, plugins });
      await node.exec("sh", ["-c", `printf '%s' "$1" >/etc/cni/net.d/${name}.conflist`, "sh", list]);
    }
    for (const name of ["a", "b", "c"]) await node.addNetns(name);
    await node.exec("ip", ["link", "add", "dev0", "type", "veth", "peer", "name", "dev1"]);
    return new World(node, outside);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.outside.dispose();
    await this.node.dispose();
  }

  /** Blocks of a section, one after the other in one shell. */
  async follow(blocks: readonly string[]): Promise<void> {
    const text = blocks.join("\n").replace(/^new=.*$/m, "");
    await this.node.exec("sh", ["-c", `set -e\nnew=${distBin}\n${text}`]);
  }

  /** The command with the executables that are in /opt/cni/bin, whichever set that is. */
  async podwire(...args: string[]) {
    const [ifname = "", ...words] = args;
    const CAP_ARGS = JSON.stringify({
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    });
    const env = {
      CNI_PATH: "/opt/cni/bin",
      CNI_IFNAME: ifname,
      CAP_ARGS,
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    };
    return this.node.exec(builtPlugin("podwire"), words, { env, reject: false });
  }

  async each(command: "add" | "check" | "del", wanted = attachments): Promise<void> {
    for (const [network, container, ifname] of command === "del" ? [...wanted].reverse() : wanted) {
      const words = [ifname, command, network, `/run/netns/${container}`];
      let run = await this.podwire(...words);
      // Debian's build fails its first DEL where it expects a chain of its own.
      if (command === "del" && /does not exist/.test(run.stderr)) run = await this.podwire(...words);
      expect(run, `${words.join(" ")}: ${run.stdout}${run.stderr}`).toMatchObject({ exitCode: 0 });
    }
  }

  /** Every container reaches whom it did, and the port of the node leads to it. */
  async expectTraffic(): Promise<void> {
    const { node, outside } = this;
    for (const name of ["a", "c"])
      expect(await ping(node, outside.address4, { netns: name }), name).toBe(true);
    const { stdout: wire } = await node.exec("sh", ["-c", "cd /var/lib/cni/networks/wire && ls -d 10.*"]);
    expect(await ping(node, wire)).toBe(true);
    await using _server = await startEcho(node, 80, "a");
    expect(await seenAddress(outside, outside.nodeAddress4, 8080)).toBe(outside.address4);
  }

  /** What is left of the containers. */
  async traces(): Promise<string[]> {
    const script = [
      "ip -o link | grep -E 'veth|macvlan|ifb|bwp' || true",
      // It is back under its name.
      "ip -o link show dev0 >/dev/null || echo dev0 is missing",
      "iptables-save | grep -E 'CNI-[0-9a-f]{20}|10[.]4[123][.]0' || true",
      "ls /var/lib/cni/networks/*/10.* /run/cni/tuning/*.json /var/lib/cni/results/* 2>/dev/null || true",
    ].join("\n");
    const { stdout } = await this.node.exec("sh", ["-c", script]);
    return stdout.split("\n").filter((line) => line !== "");
  }
}

const programs = ["ip", "ping", "jq", "iptables-save", "nft", "ipset", referencePlugin("bridge")] as const;

describe.runIf(canRun(...programs))("docs/change-over.md", () => {
  test("podwire takes over the containers of the reference plugins, with its commands", async () => {
    await using world = await World.create();
    await world.each("add");
    await world.expectTraffic();
    await world.follow(commandsOf("Before"));
    await world.follow(commandsOf("There"));
    await world.expectTraffic();
    await world.each("check");
    await world.each("del");
    expect(await world.traces()).toEqual([]);
    // The same containers again, now by podwire.
    await world.each("add");
    await world.expectTraffic();
    await world.each("check");
    await world.each("del");
    expect(await world.traces()).toEqual([]);
  });

  test("the reference plugins take back the containers of podwire", async () => {
    await using world = await World.create();
    await world.follow(commandsOf("There").slice(0, 1));
    await world.each("add");
    await world.expectTraffic();
    const [first = "", ...others] = commandsOf("Back");
    await world.follow([first]);
    const { stderr } = await world.node.exec("/opt/cni/bin/bridge", ["--version"], { reject: false });
    expect(stderr).not.toMatch(/podwire/);
    await world.expectTraffic();
    // The rules of host ports are podwire's, and the reference's CHECK fails in each chain with sbr.
    const checked = attachments.filter(([network]) => network !== "whole" && network !== "further");
    await world.each("check", checked);
    await world.each("del");
    await world.follow(others);
    expect(await world.traces()).toEqual([]);
    expect((await world.node.exec("nft", ["list", "ruleset"])).stdout).not.toMatch(/podwire/);
    await world.each("add");
    await world.expectTraffic();
    await world.each("del");
    expect(await world.traces()).toEqual([]);
  });
});
