import { chmodSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, createNode, distBin } from "../helpers/index.ts";
import { bridge, files, idOf, linksIn, network, runOn } from "./podwire.ts";

describe.runIf(canRun("ip", "nft"))("podwire gc and status", () => {
  test("gc keeps what is alive, and takes down what has lost its namespace", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    const [alive, gone] = [await node.addNetns("c1"), await node.addNetns("c2")];
    for (const netns of [alive, gone]) await runOn(node, ["add", "net", netns], env);
    await node.deleteNetns("c2");
    // The kernel takes the host's end of the veth pair away a little later.
    const veths = () => node.execJson<object[]>("ip", ["-j", "link", "show", "type", "veth"]);
    await expect.poll(veths).toHaveLength(1);
    expect(await runOn(node, ["gc", "net"], env)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await runOn(node, ["check", "net", alive], env)).toMatchObject({ exitCode: 0 });
    const { stdout } = await node.exec("sh", ["-c", "ls /var/lib/cni/results; ls /var/lib/cni/networks/net"]);
    expect(stdout).toContain(idOf(alive));
    expect(stdout).not.toContain(idOf(gone));
    expect(stdout).toContain("10.1.0.2");
    expect(stdout).not.toContain("10.1.0.3");
  });

  test("gc keeps what only a host's interface names, and --all keeps nothing", async () => {
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

  test("gc asks the plugins of an older list, too: nothing else knows what no cache has", async () => {
    using folder = files({ "10-net.conflist": network({ cniVersion: "0.4.0" }) });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    await runOn(node, ["add", "net", await node.addNetns("c1")], env);
    await node.deleteNetns("c1");
    // The kernel takes the host's end of the veth pair away a little later.
    const veths = () => node.execJson<object[]>("ip", ["-j", "link", "show", "type", "veth"]);
    await expect.poll(veths).toHaveLength(0);
    await node.exec("rm", ["-r", "/var/lib/cni/results"]);
    const reserved = async () => (await node.exec("ls", ["/var/lib/cni/networks/net"])).stdout;
    expect(await reserved()).toContain("10.1.0.2");
    // gc spares what is younger than the oldest running ADD of the machine, and other tests have some of their own.
    const reservedAfterGc = async () => {
      expect(await runOn(node, ["gc", "net"], env)).toMatchObject({ exitCode: 0 });
      return await reserved();
    };
    await expect.poll(reservedAfterGc, { timeout: 60_000, interval: 500 }).not.toContain("10.1.0.2");
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
      expect(refused).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("too many levels of symbolic links"),
      });
    }
    const { stdout } = await node.exec("ls", ["/var/lib/cni/networks/net"]);
    expect(stdout).toContain("10.1.0.2");
  });

  test("status reports a network that can attach no container", async () => {
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

  test("status asks plugins that know STATUS in a network of an older version, too", async () => {
    const small = { ...bridge, ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/30" }]] } };
    using folder = files({ "10-net.conflist": network({ cniVersion: "1.0.0", plugins: [small] }) });
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path };
    const before = await runOn(node, ["status", "net"], env);
    expect(before).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: expect.stringContaining("older than 1.1.0"),
    });
    await runOn(node, ["add", "net", await node.addNetns("c1")], env);
    const full = await runOn(node, ["status", "net"], env);
    expect(full).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/bridge failed STATUS with code 50: .*no IP addresses available/),
    });
  });

  test("an unknown network is named with those that there are", async () => {
    using folder = files({ "10-net.conflist": network(), "20-other.conflist": network({ name: "other" }) });
    await using node = await createNode();
    const run = await runOn(node, ["status", "nte"], { NETCONFPATH: folder.path });
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('which has "net", "other"') });
  });

  test("status names the plugins that know no STATUS, and what is not installed", async () => {
    const old = `#!/bin/sh\n[ "$CNI_COMMAND" = VERSION ] && echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}' && exit\nexit 1\n`;
    const plugins = (ipam: string) => [{ ...bridge, ipam: { type: ipam } }, { type: "old" }];
    using folder = files({
      "10-net.conflist": network({ cniVersion: "0.4.0", plugins: plugins("old") }),
      "20-none.conflist": network({ cniVersion: "0.4.0", name: "none", plugins: plugins("missing") }),
      old,
    });
    chmodSync(`${folder.path}/old`, 0o755);
    await using node = await createNode();
    const env = { NETCONFPATH: folder.path, CNI_PATH: `${distBin}:${folder.path}` };
    const asked = await runOn(node, ["status", "net"], env);
    expect(asked.exitCode).toBe(0);
    expect(asked.stderr).toContain("the plugin bridge was not asked: old does not know STATUS");
    expect(asked.stderr).toContain("the plugin old was not asked: old does not know STATUS");
    const missing = await runOn(node, ["status", "none"], env);
    expect(missing).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('failed to find plugin "missing"'),
    });
  });
});
