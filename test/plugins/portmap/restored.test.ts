/** What comes back for the containers of a node after the packet filter was emptied: with the next container. */
import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../../helpers/index.ts";
import { bridgeConfig, PortHost, programs } from "./host.ts";

const masquerade = { ipMasqBackend: "nftables" };
const mappings = [{ hostPort: 8080, containerPort: 80 }];

const emptied = [
  ["nft flush ruleset", ["flush", "ruleset"]],
  ["nft delete table inet podwire", ["delete", "table", "inet", "podwire"]],
] as const;

describe.runIf(canRun(...programs)).each(emptied)("after %s", (_name, args) => {
  test("masquerade and host ports of a container are missed by CHECK, and back after the next ADD of its network", async () => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, mappings, {}, masquerade);
    await startEcho(host.outside, 7000);
    await startEcho(host.node, 80, "a");
    const leaves = () =>
      seenAddress(host.node, host.outside.address4, 7000, { netns: "a", milliseconds: 1500 });
    const arrives = () => host.fromOutside(host.outside.nodeAddress4, 8080, 1500);
    expect(await leaves()).toBe(host.outside.nodeAddress4);
    expect(await arrives()).toBe(host.outside.address4);

    await host.node.exec("nft", [...args]);
    expect(await leaves()).toBeUndefined();
    expect(await arrives()).toBeUndefined();
    await expect(host.bridge.check(a, bridgeConfig(masquerade), result)).rejects.toThrow();
    await expect(host.check(a, mappings, result)).rejects.toThrow();

    await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], {}, masquerade);
    expect(await leaves()).toBe(host.outside.nodeAddress4);
    expect(await arrives()).toBe(host.outside.address4);
    await host.bridge.check(a, bridgeConfig(masquerade), result);
    await host.check(a, mappings, result);
  });

  test("a container that is gone gets nothing back after its DEL", async () => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, mappings, {}, masquerade);
    await host.node.exec("nft", [...args]);
    await host.node.deleteNetns("a");
    await host.detach(a);
    await host.bridge.del(a, bridgeConfig(masquerade));
    await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], {}, masquerade);
    const { stdout } = await host.node.exec("nft", ["list", "table", "inet", "podwire"]);
    expect(stdout).not.toContain("id-a");
    expect(stdout).toContain("8081");
  });
});

describe.runIf(canRun(...programs))("a ruleset that was saved before a boot and restored after it", () => {
  test("brings no container back that is gone, and the first ADD replaces it", async () => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    await host.attach(a, mappings, {}, masquerade);
    // A boot leaves neither records nor interfaces; the file below /etc has the rules.
    await host.node.exec("sh", [
      "-ec",
      "nft list ruleset > /run/saved; nft flush ruleset; rm -r /run/podwire; nft -f /run/saved; rm /run/saved",
    ]);
    await host.node.deleteNetns("a");
    const result = await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], {}, masquerade);
    const { stdout } = await host.node.exec("nft", ["list", "table", "inet", "podwire"]);
    expect(stdout).not.toContain("id-a");
    await host.check(b, [{ hostPort: 8081, containerPort: 80 }], result);
    await startEcho(host.node, 80, "b");
    expect(await host.fromOutside(host.outside.nodeAddress4, 8081)).toBe(host.outside.address4);
  });
});

describe.runIf(canRun(...programs))("a record with conditions that this version does not know", () => {
  test("keeps no other container from getting its rules back", async () => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    const result = await host.attach(a, mappings, {}, masquerade);
    await host.node.exec("sh", [
      "-ec",
      `cd /run/podwire/filter/*/records
       sed 's/id-a/id-z/; s/"4":\\[\\]/"4":["ct","state","new"]/' *.portmap > ${"0".repeat(32)}.portmap
       grep -q '"ct"' ${"0".repeat(32)}.portmap
       nft flush ruleset`,
    ]);
    await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], {}, masquerade);
    await host.check(a, mappings, result);
  });
});
