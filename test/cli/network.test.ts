import { describe, expect, test } from "vitest";
import { canRun, createNode } from "../helpers/index.ts";
import { bridge, cached, files, idOf, linksIn, network, runOn } from "./podwire.ts";

const portmap = { type: "portmap", backend: "nftables", capabilities: { portMappings: true } };
describe.runIf(canRun("ip", "nft"))("podwire add, check, del", () => {
  test("attach, check and detach a container, with ports and another name for the interface", async () => {
    using folder = files({ "10-net.conflist": network({}, [portmap]) });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = {
      NETCONFPATH: folder.path,
      CNI_IFNAME: "net1",
      CNI_ARGS: "IP=10.1.0.77",
      CAP_ARGS: '{"portMappings": [{"hostPort": 8080, "containerPort": 80}]}',
    };
    await runOn(node, ["add", "net", netns], { ...env, CNI_IFNAME: "net0" });
    await runOn(node, ["del", "net", netns], { ...env, CNI_IFNAME: "net0" });
    const before = await node.snapshot();
    const added = await runOn(node, ["add", "net", netns], env);
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(added.stdout)).toMatchObject({
      cniVersion: "1.1.0",
      ips: [{ address: "10.1.0.77/24" }],
    });
    const { stdout: address } = await node.exec("ip", ["address", "show", "net1"], { netns: "c1" });
    expect(address).toContain("10.1.0.77/24");
    expect((await node.exec("nft", ["list", "ruleset"])).stdout).toContain("8080");
    expect(await runOn(node, ["check", "net", netns], env)).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    await node.exec("ip", ["link", "set", "net1", "down"], { netns: "c1" });
    const broken = await runOn(node, ["check", "net", netns], env);
    expect(broken).toMatchObject({ exitCode: 1, stdout: "" });
    expect(broken.stderr).toMatch(/^podwire: the plugin bridge failed CHECK with code \d+: .*net1/);
    expect(await runOn(node, ["del", "net", netns], env)).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    expect(await node.snapshot()).toEqual(before);
    expect(await runOn(node, ["del", "net", netns], env)).toMatchObject({ exitCode: 0 });
    const unknown = await runOn(node, ["check", "net", netns], env);
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no ADD of this attachment"),
    });
  });

  test("take back what the first plugins did when a later one fails, and remember nothing", async () => {
    using folder = files({ "10-net.conflist": network({}, [{ type: "portmap", backend: "pf" }]) });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    const added = await runOn(node, ["add", "net", netns], env);
    expect(added).toMatchObject({ exitCode: 1, stdout: "" });
    expect(added.stderr).toContain("the plugin portmap failed ADD with code 7");
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const { stdout } = await node.exec("find", ["/var/lib/cni", "-name", "10.1.0.*", "-o", "-name", "*eth0"]);
    expect(stdout).toBe("");
  });

  test("leave alone what was there when the first plugin fails", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const env = { NETCONFPATH: folder.path };
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 0 });
    expect(await runOn(node, ["add", "net", netns], env)).toMatchObject({ exitCode: 1 });
    expect(await runOn(node, ["check", "net", netns], env)).toMatchObject({ exitCode: 0 });
  });

  test("take down by the configuration of ADD when the file is gone", async () => {
    using folder = files({ "10-net.conflist": network() });
    using empty = files({});
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    await runOn(node, ["add", "net", netns], { NETCONFPATH: folder.path });
    const deleted = await runOn(node, ["del", "net", netns], { NETCONFPATH: empty.path });
    expect(deleted).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("the configuration of its ADD"),
    });
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const unknown = await runOn(node, ["del", "net", netns], { NETCONFPATH: empty.path });
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(empty.path) });
  });

  test("remember an attachment as libcni does, for root alone", async () => {
    const list = network();
    using folder = files({ "10-net.conflist": list });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const ports = { portMappings: [{ hostPort: 80, containerPort: 80 }] };
    const env = {
      NETCONFPATH: folder.path,
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=p",
      CAP_ARGS: JSON.stringify(ports),
    };
    const { stdout } = await runOn(node, ["add", "net", netns], env);
    const entry = cached(node, netns);
    expect(Object.keys(entry)).toEqual([
      "kind",
      "containerId",
      "config",
      "ifName",
      "networkName",
      "netns",
      "cniArgs",
      "capabilityArgs",
      "result",
    ]);
    expect(entry).toMatchObject({
      kind: "cniCacheV1",
      containerId: idOf(netns),
      ifName: "eth0",
      networkName: "net",
      netns,
      cniArgs: [
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "p"],
      ],
      capabilityArgs: ports,
      result: JSON.parse(stdout),
    });
    expect(JSON.parse(Buffer.from(entry.config, "base64").toString())).toEqual(list);
    const modes = await node.exec("stat", [
      "-c",
      "%a",
      "/var/lib/cni/results",
      `/var/lib/cni/results/net-${idOf(netns)}-eth0`,
    ]);
    expect(modes.stdout.split("\n")).toEqual(["700", "600"]);
    expect((await node.exec("ls", ["-A", "/var/lib/cni"])).stdout.split("\n").sort()).toEqual([
      "networks",
      "results",
    ]);
  });

  test("follow the cached result into another version of the configuration", async () => {
    using folder = files({ "10-net.conflist": network({ cniVersion: "0.3.1" }) });
    using newer = files({ "10-net.conflist": network({ cniVersion: "1.1.0" }) });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    await runOn(node, ["add", "net", netns], { NETCONFPATH: folder.path });
    expect(cached(node, netns).result).toMatchObject({ cniVersion: "0.3.1", ips: [{ version: "4" }] });
    const refused = await runOn(node, ["check", "net", netns], { NETCONFPATH: folder.path });
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("does not support the CHECK"),
    });
    expect(await runOn(node, ["check", "net", netns], { NETCONFPATH: newer.path })).toMatchObject({
      exitCode: 0,
    });
  });

  test.each([
    [{ CNI_ARGS: "IP" }, "CNI_ARGS"],
    [{ CAP_ARGS: "{" }, "CAP_ARGS is not JSON"],
    [{ CAP_ARGS: "[]" }, "CAP_ARGS is"],
    [{ CNI_IFNAME: "a/b" }, "CNI_IFNAME is invalid"],
    [{ CNI_IFNAME: "" }, "CNI_IFNAME is invalid"],
    [{ CNI_PATH: "/nonexistent" }, "failed to find plugin"],
  ])("refuse %j and change nothing", async (env, words) => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    const before = await node.snapshot();
    const added = await runOn(node, ["add", "net", netns], { NETCONFPATH: folder.path, ...env });
    expect(added).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining(words) });
    expect(await node.snapshot()).toEqual(before);
  });

  test("print a failure as JSON when asked to", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const failed = await runOn(node, ["add", "--json", "net", "/run/netns/none"], {
      NETCONFPATH: folder.path,
    });
    expect(failed).toMatchObject({ exitCode: 1, stderr: "" });
    expect(JSON.parse(failed.stdout)).toMatchObject({ code: 8, plugin: "bridge", command: "ADD" });
    expect(JSON.parse(failed.stdout).msg).toContain("/run/netns/none");
  });
});

describe.runIf(canRun("ip", "nft"))("podwire gc and status", () => {
  test("gc keeps what is alive, and takes down what has lost its namespace", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    const [alive, gone] = [await node.addNetns("c1"), await node.addNetns("c2")];
    for (const netns of [alive, gone]) await runOn(node, ["add", "net", netns], env);
    await node.deleteNetns("c2");
    expect(await runOn(node, ["gc", "net"], env)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await runOn(node, ["check", "net", alive], env)).toMatchObject({ exitCode: 0 });
    const { stdout } = await node.exec("sh", ["-c", "ls /var/lib/cni/results; ls /var/lib/cni/networks/net"]);
    expect(stdout).toContain(idOf(alive));
    expect(stdout).not.toContain(idOf(gone));
    expect(stdout).toContain("10.1.0.2");
    expect(stdout).not.toContain("10.1.0.3");
  });

  test("gc keeps what only a host's interface tells of, and --all keeps nothing", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    const netns = await node.addNetns("c1");
    await runOn(node, ["add", "net", netns], env);
    await node.exec("rm", ["-r", "/var/lib/cni/results"]);
    expect(await runOn(node, ["gc", "net"], env)).toMatchObject({ exitCode: 0 });
    expect(await linksIn(node, "c1")).toContain("eth0");
    expect(await runOn(node, ["gc", "--all", "net"], env)).toMatchObject({ exitCode: 0 });
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
  });

  test("gc collects nothing when it cannot see what there is", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    await runOn(node, ["add", "net", await node.addNetns("c1")], env);
    await node.deleteNetns("c1");
    await node.exec("sh", ["-c", "rm -r /var/lib/cni/results; ln -s results /var/lib/cni/results"]);
    for (const words of [["gc"], ["gc", "--all"]]) {
      const refused = await runOn(node, [...words, "net"], env);
      expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("ELOOP") });
    }
    const { stdout } = await node.exec("ls", ["/var/lib/cni/networks/net"]);
    expect(stdout).toContain("10.1.0.2");
  });

  test("status tells of a network that can attach no container", async () => {
    const ranges = [[{ subnet: "10.1.0.0/30" }]];
    const small = { ...bridge, ipam: { type: "host-local", ranges } };
    using folder = files({ "10-net.conflist": network({ plugins: [small] }) });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    expect(await runOn(node, ["status", "net"], env)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    await runOn(node, ["add", "net", await node.addNetns("c1")], env);
    const full = await runOn(node, ["status", "--json", "net", "/run/netns/c1"], env);
    expect(full.exitCode).toBe(1);
    expect(JSON.parse(full.stdout)).toMatchObject({ code: 50, plugin: "bridge", command: "STATUS" });
  });
});
