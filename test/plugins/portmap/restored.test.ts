/** What comes back for the containers of a node after somebody has emptied the packet filter: with the next container. */
import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../../helpers/index.ts";
import { addressesOf, bridgeConfig, PortHost, programs } from "./host.ts";

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

  test("a container that is gone gets nothing back", async () => {
    await using host = await PortHost.create("nftables");
    const [a, b] = await host.bridge.pods("a", "b");
    const gone = addressesOf(await host.attach(a, mappings, {}, masquerade));
    await host.node.exec("nft", [...args]);
    const ports = async () =>
      (await host.node.execJson<object[]>("ip", ["-j", "link", "show", "type", "bridge_slave"])).length;
    const before = await ports();
    await host.node.deleteNetns("a");
    // The kernel removes the interfaces of a deleted namespace some time later.
    await expect.poll(ports).toBe(before - 1);
    await host.attach(b, [{ hostPort: 8081, containerPort: 80 }], {}, masquerade);
    const { stdout } = await host.node.exec("nft", ["list", "table", "inet", "podwire"]);
    expect(stdout).not.toContain(`${gone.v4} `);
    expect(stdout).not.toContain(`${gone.v6} `);
    expect(stdout).toContain("8081");
  });
});
