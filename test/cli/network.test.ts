import { describe, expect, test } from "vitest";
import { canRun, createNode } from "../helpers/index.ts";
import { files, linksIn, network, runOn } from "./podwire.ts";

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
