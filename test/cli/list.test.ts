import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatAge } from "../../cli/list/age.ts";
import { builtPlugin, canRun, createNode, type Node, referencePlugin } from "../helpers/index.ts";
import { bridge, files, idOf, network, runOn } from "./podwire.ts";

const list = async (node: Node) => JSON.parse((await runOn(node, ["list", "--json"])).stdout);
const config = { ...bridge, cniVersion: "1.0.0", name: "net" };

interface Link {
  readonly ifname: string;
  readonly ifalias?: string;
}

/** The host's end, by ip(8). */
async function hostEnd(node: Node, containerId: string): Promise<string | undefined> {
  const links = await node.execJson<Link[]>("ip", ["-j", "link"]);
  return links.find(({ ifalias }) => ifalias?.includes(`container=${containerId} `))?.ifname;
}

describe.runIf(canRun("ip", "nft"))("podwire list", () => {
  test("lists nothing on an empty node", async () => {
    await using node = await createNode();
    expect(await list(node)).toEqual([]);
    expect((await runOn(node, ["list"])).stdout).toMatch(
      /^NETWORK +CONTAINER +INTERFACE +ADDRESSES +HOST INTERFACE +AGE$/,
    );
  });

  test("lists what a runtime attached without a cache: by reserved addresses and host interfaces", async () => {
    await using node = await createNode();
    for (const containerId of ["c1", "c2"]) {
      const netns = await node.addNetns(containerId);
      await node.plugin(builtPlugin("bridge"), {
        command: "ADD",
        containerId,
        netns,
        ifname: "eth0",
        config,
      });
    }
    const found = await list(node);
    expect(found).toEqual([
      {
        network: "net",
        containerId: "c1",
        ifname: "eth0",
        addresses: ["10.1.0.2"],
        hostInterface: await hostEnd(node, "c1"),
        ageSeconds: expect.any(Number),
      },
      expect.objectContaining({ containerId: "c2", addresses: ["10.1.0.3"] }),
    ]);
    const [, first] = (await runOn(node, ["list"])).stdout.split("\n");
    expect(first).toMatch(/^net +c1 +eth0 +10\.1\.0\.2 +veth[0-9a-f]{11} +\d+s$/);
  });

  test("prints nothing that a terminal would obey", async () => {
    await using node = await createNode();
    const entry = { kind: "cniCacheV1", containerId: "c1", ifName: "eth0", networkName: "a\u001b[2J\nb" };
    const folder = node.path("/var/lib/cni/results");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "odd"), JSON.stringify(entry));
    const [, ...rows] = (await runOn(node, ["list"])).stdout.split("\n");
    expect(rows).toEqual([expect.stringMatching(/^a\\u001b\[2J\\u000ab +c1 +eth0 /)]);
  });

  test("needs no namespace, and shows what is left of a container", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const netns = await node.addNetns("c1");
    await runOn(node, ["add", "net", netns], { NETCONFPATH: folder.path });
    expect(await hostEnd(node, idOf(netns))).toMatch(/^veth/);
    await node.deleteNetns("c1");
    await expect.poll(() => hostEnd(node, idOf(netns))).toBeUndefined();
    expect(await list(node)).toEqual([
      expect.objectContaining({ network: "net", addresses: ["10.1.0.2"], hostInterface: null }),
    ]);
  });

  test("finds reservations in the folder that a network's configuration names", async () => {
    const ipam = { ...bridge.ipam, dataDir: "/run/addresses" };
    using folder = files({ "10-net.conflist": network({ plugins: [{ ...bridge, ipam }] }) });
    await using node = await createNode();
    await runOn(node, ["add", "net", await node.addNetns("c1")], { NETCONFPATH: folder.path });
    await node.exec("sh", ["-c", "echo c9 > /run/addresses/net/10.1.0.9"]);
    expect(await list(node)).toEqual([
      expect.objectContaining({ containerId: "c9", ifname: "", addresses: ["10.1.0.9"] }),
      expect.objectContaining({ addresses: ["10.1.0.2"] }),
    ]);
  });

  test("knows a container by its whole name though the alias has it cut", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    const id = "c".repeat(100);
    const env = { NETCONFPATH: folder.path };
    await runOn(node, ["add", "--container-id", id, "net", await node.addNetns("c1")], env);
    expect(await list(node)).toEqual([
      expect.objectContaining({ containerId: id, hostInterface: expect.stringMatching(/^veth/) }),
    ]);
  });

  test("takes the age from when the attachment was made", async () => {
    using folder = files({ "10-net.conflist": network() });
    await using node = await createNode();
    await runOn(node, ["add", "net", await node.addNetns("c1")], { NETCONFPATH: folder.path });
    await node.exec("sh", ["-c", "touch -d '3 days ago' /var/lib/cni/networks/net/10.1.0.2"]);
    const [{ ageSeconds }] = await list(node);
    expect(ageSeconds).toBeGreaterThanOrEqual(3 * 86400);
    expect((await runOn(node, ["list"])).stdout).toMatch(/ 3d(1h)?\d*m?\d*s?$/);
  });

  test("passes over what it cannot read", async () => {
    await using node = await createNode();
    await node.exec("sh", [
      "-c",
      "mkdir -p /var/lib/cni/results/folder /var/lib/cni/networks/net; echo '{' > /var/lib/cni/results/a; echo '{}' > /var/lib/cni/results/b; : > /var/lib/cni/networks/net/10.1.0.2; echo x > /var/lib/cni/networks/net/last_reserved_ip.0",
    ]);
    expect(await list(node)).toEqual([]);
  });

  test("says that attachments may be missing where something cannot be read, and lists the rest", async () => {
    await using node = await createNode();
    const call = { containerId: "c1", netns: await node.addNetns("c1"), ifname: "eth0", config };
    await node.plugin(builtPlugin("bridge"), { command: "ADD", ...call });
    // A link to itself: root may read everything else.
    await node.exec("ln", ["-s", "results", "/var/lib/cni/results"]);
    const { exitCode, stdout, stderr } = await runOn(node, ["list", "--json"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^podwire list: attachments may be missing: open \/var\/lib\/cni\/results: too many levels/,
    );
    expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ containerId: "c1" })]);
  });

  test.runIf(canRun(referencePlugin("bridge"), "iptables"))(
    "lists what the reference plugins attached",
    async () => {
      await using node = await createNode();
      const call = { containerId: "c1", netns: await node.addNetns("c1"), ifname: "eth0", config };
      expect(await node.plugin(referencePlugin("bridge"), { command: "ADD", ...call })).toMatchObject({
        exitCode: 0,
      });
      expect(await list(node)).toEqual([
        expect.objectContaining({
          network: "net",
          containerId: "c1",
          ifname: "eth0",
          addresses: ["10.1.0.2"],
        }),
      ]);
    },
  );
});

test.each([
  [0, "0s"],
  [-5, "0s"],
  [59, "59s"],
  [60, "1m"],
  [312, "5m12s"],
  [3600, "1h"],
  [3661, "1h1m"],
  [86400 * 3 + 3600 * 4 + 59, "3d4h"],
  [86400 * 400, "400d"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatAge(seconds)).toBe(text);
});
