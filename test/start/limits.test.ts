/** Calls under limits of memory, stack and descriptors (setrlimit(2)). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, distBin, type Node, type PluginCall } from "../helpers/index.ts";
import { pluginOptions, pluginRun } from "../helpers/plugin.ts";

const network = { cniVersion: "1.1.0", name: "limits" };
const ipam = { type: "host-local", subnet: "10.9.0.0/24" };
const bridge = { ...network, type: "bridge", bridge: "limits0", isGateway: true, ipMasq: true, ipam };
const ptp = {
  ...network,
  name: "limits-ptp",
  type: "ptp",
  ipMasq: true,
  ipam: { ...ipam, subnet: "10.8.0.0/24" },
};
const portmap = {
  ...network,
  type: "portmap",
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
};
const loopback = { ...network, type: "loopback" };

let node: Node;
beforeAll(async () => {
  node = await createNode();
  await node.addNetns("a");
});
afterAll(() => node.dispose());

const attachment = { containerId: "c", netns: "/run/netns/a", path: distBin };

/** Calls a plugin with limits, as prlimit(1) takes them. */
async function limited(limits: readonly string[], plugin: string, call: PluginCall) {
  const words = [...limits.map((limit) => `--${limit}`), builtPlugin(plugin)];
  return pluginRun(await node.exec("prlimit", words, pluginOptions(builtPlugin(plugin), call)));
}

const leftovers = async () =>
  (await node.exec("sh", ["-c", "ls /sys/class/net; ls /var/lib/cni/networks/*/[0-9]* 2>/dev/null || true"]))
    .stdout;

describe.runIf(canRun("ip", "prlimit", "iptables", "ipset"))("64 MB of address space are enough for", () => {
  test.each([
    ["bridge", bridge, "eth0"],
    ["ptp", ptp, "eth1"],
    ["loopback", loopback, "lo"],
  ] as const)("every verb of %s", async (plugin, config, ifname) => {
    const limits = ["as=64000000"];
    const call = { ...attachment, ifname, config };
    for (const command of ["VERSION", "STATUS"] as const)
      expect(await limited(limits, plugin, { command, config })).toMatchObject({ exitCode: 0 });
    const { exitCode, json } = await limited(limits, plugin, { ...call, command: "ADD" });
    expect({ exitCode, json }).toMatchObject({ exitCode: 0 });
    const prevResult = json;
    const check = { ...call, command: "CHECK" as const, config: { ...config, prevResult } };
    expect(await limited(limits, plugin, check)).toMatchObject({ exitCode: 0, stdout: "" });
    const valid = [{ containerID: "c", ifname }];
    const collect = { ...config, "cni.dev/valid-attachments": valid };
    expect(await limited(limits, plugin, { command: "GC", path: distBin, config: collect })).toMatchObject({
      exitCode: 0,
    });
    expect(await limited(limits, plugin, { ...call, command: "DEL" })).toMatchObject({
      exitCode: 0,
      stdout: "",
    });
  });

  test.each(["iptables", "nftables"])("every verb of portmap by %s", async (backend) => {
    const limits = ["as=64000000"];
    const added = await limited(limits, "bridge", {
      ...attachment,
      ifname: "eth0",
      config: bridge,
      command: "ADD",
    });
    const config = { ...portmap, backend, prevResult: added.json };
    const call = { ...attachment, ifname: "eth0", config };
    for (const command of ["STATUS", "ADD", "CHECK", "GC", "DEL"] as const) {
      const given = command === "GC" ? { ...config, "cni.dev/valid-attachments": [] } : config;
      const run = await limited(limits, "portmap", { ...call, config: given, command });
      expect({ command, exitCode: run.exitCode, msg: run.json?.msg }).toEqual({
        command,
        exitCode: 0,
        msg: undefined,
      });
    }
    await limited(limits, "bridge", { ...attachment, ifname: "eth0", config: bridge, command: "DEL" });
  });
});

describe.runIf(canRun("ip", "prlimit", "iptables", "ipset"))("a call that runs out of", () => {
  test.each([
    ["descriptors", ["nofile=8"], /too many open files/],
    ["descriptors at once", ["nofile=4"], /too many open files/],
    ["stack", ["stack=65536"], /stack overflow/],
    ["stack at once", ["stack=24576"], /stack overflow|could not say why/],
  ])("%s says so in a CNI error, and takes back what it did", async (_, limits, message) => {
    // What lasts for all attachments, such as the bridge, is there already.
    const call = { ...attachment, ifname: "eth0", config: bridge };
    expect((await limited([], "bridge", { ...call, command: "ADD" })).exitCode).toBe(0);
    expect((await limited([], "bridge", { ...call, command: "DEL" })).exitCode).toBe(0);
    const before = await leftovers();
    const { exitCode, json } = await limited(limits, "bridge", { ...call, command: "ADD" });
    expect({ exitCode, json }).toMatchObject({
      exitCode: 1,
      json: { code: expect.any(Number), msg: expect.stringMatching(message) },
    });
    expect(await leftovers()).toBe(before);
  });

  test("memory says so in a CNI error", async () => {
    // Larger than what may be mapped; smaller than what a configuration may have.
    const config = {
      ...bridge,
      dns: { search: Array.from({ length: 60_000 }, (_, at) => `domain-${at}.example`) },
    };
    const call = { ...attachment, ifname: "eth0", config, command: "ADD" as const };
    const { exitCode, json } = await limited(["as=10500000"], "bridge", call);
    expect({ exitCode, json }).toMatchObject({
      exitCode: 1,
      json: { msg: expect.stringMatching(/out of memory/) },
    });
    expect(json.details).toContain("ulimit -v");
  });
});
