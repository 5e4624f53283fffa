import { describe, expect, test } from "vitest";
import { canRun, createNode } from "../helpers/index.ts";
import { cached, files, idOf, linksIn, network, runOn } from "./podwire.ts";

describe.runIf(canRun("ip", "nft"))("the memory of podwire add", () => {
  test("is as libcni writes it, for root alone", async () => {
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

  test("lets del take down what has no configuration any more", async () => {
    using folder = files({ "10-net.conflist": network() });
    using empty = files({});
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    await runOn(node, ["add", "net", netns], { NETCONFPATH: folder.path });
    const deleted = await runOn(node, ["del", "net", netns], { NETCONFPATH: empty.path });
    expect(deleted).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("the configuration cached by ADD"),
    });
    expect(await linksIn(node, "c1")).toEqual(["lo"]);
    const unknown = await runOn(node, ["del", "net", netns], { NETCONFPATH: empty.path });
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(empty.path) });
  });

  test("is followed into another version of the configuration", async () => {
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
});
