import { readFileSync, writeFileSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  createOutside,
  ping,
  projectRoot,
  referencePlugin,
  runModule,
  seenAddress,
  startEcho,
} from "./index.ts";

/** False too for a process that has ended and only waits for its parent to notice. */
function alive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function gone(pids: number[]): Promise<void> {
  await expect.poll(() => pids.filter(alive), { timeout: 10_000 }).toEqual([]);
}

const nodeMaker = `
  import { createNode } from "${projectRoot}/test/helpers/index.ts";
  const node = await createNode();
  const sleeper = node.start("sleep", ["1000"]);
  console.log(node.pid, sleeper.pid);
  setInterval(() => {}, 1000);`;

// Passes its last argument on to a child with a message channel, as a test runner does with its workers.
const runnerOf = [
  `
  import { spawn } from "node:child_process";
  const [program] = process.argv.slice(-1);
  const args = ["--import", "tsx", "--input-type=module", "-e", program];
  spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });`,
];

describe.runIf(canRun("ip", "nft", "iptables-save", "ipset", "ping"))("a node", () => {
  test("has namespaces of its own, with lo up and nothing else", async () => {
    await using node = await createNode();
    const links = await node.execJson<{ ifname: string; flags: string[] }[]>("ip", ["-j", "link"]);
    expect(links.map((link) => link.ifname)).toEqual(["lo"]);
    expect(links[0]?.flags).toContain("UP");
    expect((await node.exec("ls", ["/sys/class/net"])).stdout).toBe("lo");
    expect((await node.exec("ls", ["-A", "/run/netns", "/var/lib/cni"])).stdout).not.toContain("eth0");
  });

  test("has its own sysctls, and so have its namespaces, whatever the machine's are", async () => {
    const machine = [
      "ipv4/ip_forward=1",
      ...["all", "default"].flatMap((name) => [
        `ipv4/conf/${name}/rp_filter=1`,
        `ipv4/conf/${name}/arp_ignore=2`,
        `ipv4/conf/${name}/route_localnet=1`,
        `ipv4/conf/${name}/send_redirects=0`,
        `ipv6/conf/${name}/disable_ipv6=1`,
        `ipv6/conf/${name}/forwarding=1`,
        `ipv6/conf/${name}/accept_dad=2`,
        `ipv6/conf/${name}/mldv2_unsolicited_report_interval=100`,
      ]),
    ];
    const sysctlsOf = async (given: readonly string[]) => {
      await using node = await createNode(given);
      await node.addNetns("a");
      const read = ["-c", "grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/bridge"];
      return await Promise.all(
        [{}, { netns: "a" }].map(async (options) => {
          const { stdout } = await node.exec("sh", read, { reject: false, ...options });
          expect(stdout).toMatch(/ipv4\/conf\/lo\/rp_filter:0$/m);
          expect(stdout).toMatch(/ipv6\/conf\/default\/accept_dad:1$/m);
          return stdout.split("\n").sort();
        }),
      );
    };
    expect(await sysctlsOf(machine)).toEqual(await sysctlsOf([]));
  });

  test("shows its files outside, and only by its own path", async () => {
    await using node = await createNode();
    writeFileSync(node.path("/var/lib/cni/x"), "there");
    expect((await node.exec("cat", ["/var/lib/cni/x"])).stdout).toBe("there");
    expect(() => readFileSync("/var/lib/cni/x")).toThrow("ENOENT");
  });

  test("runs commands in a named namespace", async () => {
    await using node = await createNode();
    expect(await node.addNetns("a")).toBe("/run/netns/a");
    await node.exec("ip", ["link", "set", "lo", "up"], { netns: "a" });
    expect(await ping(node, "127.0.0.1", { netns: "a" })).toBe(true);
    expect(await ping(node, "192.0.2.1", { netns: "a", seconds: 1 })).toBe(false);
  });

  test("throws on a failing command unless the caller allows it", async () => {
    await using node = await createNode();
    await expect(node.exec("false")).rejects.toThrow("false");
    const failed = await node.exec("sh", ["-c", "echo no >&2; exit 3"], { reject: false });
    expect(failed).toEqual({ exitCode: 3, signal: undefined, stdout: "", stderr: "no" });
  });

  test("gives a command exactly the environment that is asked for", async () => {
    await using node = await createNode();
    const { stdout } = await node.exec("/usr/bin/env", [], { env: { ONLY: "this" } });
    expect(stdout).toBe("ONLY=this");
  });

  test("runs a command in the folder that is asked for", async () => {
    await using node = await createNode();
    expect((await node.exec("pwd", [], { cwd: "/run/netns" })).stdout).toBe("/run/netns");
    expect((await node.exec("pwd")).stdout).toBe("/");
  });

  test("takes all its processes with it", async () => {
    const node = await createNode();
    const sleeper = node.start("sleep", ["1000"]);
    const { stdout } = await node.exec("sh", ["-c", "setsid sleep 1000 >&- 2>&- & echo $!"]);
    const pids = [node.pid, sleeper.pid, Number(stdout)];
    expect(pids.filter(alive)).toEqual(pids);
    await node.dispose();
    await gone(pids);
    await node.dispose();
  });

  test.each([
    ["the process that made it", []],
    ["the test runner, whose worker made it", runnerOf],
  ])("is gone when %s is killed", async (_, wrapper) => {
    const node = ["--import", "tsx", "--input-type=module", "-e"];
    const maker = execa(process.execPath, [...node, ...wrapper, nodeMaker], {
      cwd: projectRoot,
      reject: false,
    });
    const line = await new Promise<Buffer>((resolve) => maker.stdout.once("data", resolve));
    const pids = line.toString().split(" ").map(Number);
    expect(pids.filter(alive)).toHaveLength(2);
    maker.kill("SIGKILL");
    await gone(pids);
  });
});

describe.runIf(canRun("ip", "nft", "iptables-save", "ipset"))("a snapshot", () => {
  test("is the same when nothing was changed", async () => {
    await using node = await createNode();
    await node.exec("ip", ["link", "add", "br0", "type", "bridge"]);
    const before = await node.snapshot();
    await node.addNetns("other");
    expect(await node.snapshot()).toEqual(before);
  });

  const changes = {
    links: "ip link add v0 type veth peer name v1",
    addresses: "ip address add 192.0.2.1/32 dev lo",
    routes: "ip route add 198.51.100.0/24 dev lo table 7",
    rules: "ip -6 rule add from 2001:db8::1 lookup 9",
    neighbours: "ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:01 dev lo nud permanent",
    iptables: "iptables -t nat -A POSTROUTING -s 192.0.2.1 -j MASQUERADE",
    ip6tables: "ip6tables -N EXTRA",
    nftables: "nft add table inet extra",
    ipsets: "ipset create s hash:ip; ipset add s 192.0.2.1",
    sysctls: "sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.lo.route_localnet=1",
    files: "mkdir -p /var/lib/cni/networks/n; echo x > /var/lib/cni/networks/n/192.0.2.1",
    processes: "setsid sleep 1000 >&- 2>&- &",
  } as const;

  test.each(Object.entries(changes))("shows a change of %s", async (section, command) => {
    await using node = await createNode();
    await node.exec("sysctl", ["-w", "net.ipv4.ip_forward=0"]);
    const before = await node.snapshot();
    await node.exec("sh", ["-c", command]);
    const after = await node.snapshot();
    const key = section as keyof typeof changes;
    expect(after[key]).not.toEqual(before[key]);
  });
});

describe.runIf(canRun("ip", "ping"))("traffic", () => {
  test("passes between a node and the outside, which has no way behind the node", async () => {
    await using node = await createNode();
    await using outside = await createOutside(node);
    await startEcho(outside, 80);
    expect(await ping(node, outside.address6)).toBe(true);
    expect(await seenAddress(node, outside.address4, 80)).toBe(outside.nodeAddress4);
    expect(await seenAddress(node, outside.address6, 80)).toBe(outside.nodeAddress6);
    await node.exec("ip", ["address", "add", "10.9.9.9/32", "dev", "lo"]);
    expect(await ping(node, outside.address4, { source: "10.9.9.9", seconds: 1 })).toBe(false);
    expect(await seenAddress(node, outside.address4, 81)).toBeUndefined();
  });
});

describe.runIf(canRun("ip"))("runModule", () => {
  test("runs a module on the node with the engine and the natives, and returns what it printed", async () => {
    await using node = await createNode();
    const source = `
      import { listDirectory } from "./shared/system/directory.ts";
      const nothing: string[] = ["Bun", "process", "require", "Promise"].filter((name) => name in globalThis);
      console.log(JSON.stringify({ nothing, parent: native.getppid() > 0, links: listDirectory("/sys/class/net") }));`;
    expect(await runModule(node, source)).toEqual({ nothing: [], parent: true, links: ["lo"] });
  });

  test("reports what a module throws, with the line", async () => {
    await using node = await createNode();
    const run = runModule(node, "\nconst fail = () => { throw new TypeError('by itself'); };\nfail();");
    await expect(run).rejects.toThrow(/TypeError: by itself\n {4}at fail \(module.js:\d+:\d+\)/);
  });
});

describe.runIf(canRun(referencePlugin("bridge"), "ip"))("plugin", () => {
  test("calls a plugin as a runtime does", async () => {
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const config = {
      cniVersion: "1.0.0",
      name: "n",
      type: "bridge",
      ipam: { type: "host-local", subnet: "10.1.0.0/24" },
    };
    const call = { containerId: "c1", netns, ifname: "eth0", config };
    const added = await node.plugin(referencePlugin("bridge"), { command: "ADD", ...call });
    expect(added).toMatchObject({ exitCode: 0, json: { ips: [{ address: "10.1.0.2/24" }] } });
    const again = await node.plugin(referencePlugin("bridge"), { command: "ADD", ...call });
    expect(again).toMatchObject({ exitCode: 1, json: { code: 999 } });
  });
});
