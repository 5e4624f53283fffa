/** The store of addresses is removed while containers live. */
import { describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node, ping } from "../../helpers/index.ts";
import { makeUnderlay, network as overlay } from "../vxlan/single-node.ts";
import { Host, hostLocal, type Keys, subnet4, subnet6 } from "./host.ts";
import { reservations } from "./kernel-state.ts";

const ipam = hostLocal([subnet4, subnet6]);

const networks: Record<string, Keys> = {
  bridge: { type: "bridge", bridge: "br0", isGateway: true, ipam },
  "bridge with masquerade": { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam },
  ptp: { type: "ptp", ipam },
  "vxlan in the mode l3": overlay("l3", [2]),
  "vxlan in the mode l2": overlay("l2", [2], { ipam }),
};

const removals = {
  "with its folder": "rm -rf /var/lib/cni/networks",
  "but for the owner index": "rm -rf /var/lib/cni/networks/*",
  "file by file": "rm /var/lib/cni/networks/net/*",
  "but for the last address": "rm /var/lib/cni/networks/net/*[.:][0-9]",
};

const addressesOf = (result: { readonly ips: readonly { readonly address: string }[] }) =>
  result.ips.map(({ address }) => address.replace(/\/.*/, ""));

async function prepare(keys: Keys) {
  const node = await createNode();
  const host = new Host(node, builtPlugin(String(keys["type"])));
  await makeUnderlay(host);
  return { node, host, config: { cniVersion: "1.1.0", ...keys, name: "net" } };
}

const remove = (node: Node, command: string) => node.exec("sh", ["-ec", command]);

describe.runIf(canRun("ip", "ping"))("a store that was removed", () => {
  test.each(
    Object.entries(networks).flatMap(([name, keys]) =>
      Object.entries(removals).map(([how, command]) => [name, how, keys, command] as const),
    ),
  )("gives no address of a living container to another: %s, %s", async (_, __, keys, command) => {
    const { node, host, config } = await prepare(keys);
    await using _node = node;
    const [a, b, c] = await host.pods("a", "b", "c");
    const first = await host.add(a, config);
    const second = await host.add(b, config);
    await host.del(b, config);
    await remove(node, command);
    const third = await host.add(c, config);
    expect(addressesOf(third)).not.toEqual(expect.arrayContaining(addressesOf(first).slice(0, 1)));
    expect(new Set([...addressesOf(third), ...addressesOf(first)]).size).toBe(2 * addressesOf(first).length);
    expect(addressesOf(second)).toHaveLength(addressesOf(first).length);
    // The living one is as it was before: checked, reachable, and free once it goes.
    await host.check(a, config, first);
    expect(await ping(node, addressesOf(third)[0] ?? "", { netns: "a" })).toBe(true);
    expect((await reservations(node)).toSorted()).toEqual(
      [...addressesOf(first), ...addressesOf(third)].toSorted(),
    );
    await host.del(a, config);
    expect((await reservations(node)).toSorted()).toEqual(addressesOf(third).toSorted());
  });

  test("is that of one network: others' containers have no reservations there", async () => {
    const { node, host, config } = await prepare(networks["bridge"] as Keys);
    await using _node = node;
    const [a, b] = await host.pods("a", "b");
    const other = { ...config, name: "net2", bridge: "br2", ipam: hostLocal(["10.2.0.0/24"]) };
    await host.add(a, other);
    await remove(node, "rm -rf /var/lib/cni/networks");
    const added = await host.add(b, config);
    expect((await reservations(node)).toSorted()).toEqual(addressesOf(added).toSorted());
    expect(await reservations(node, "net2")).toEqual([]);
  });

  test("does not bring a container back whose namespace is gone, or an address that no range has", async () => {
    const { node, host, config } = await prepare(networks["bridge"] as Keys);
    await using _node = node;
    const [a, b, c] = await host.pods("a", "b", "c");
    await host.add(a, config);
    await host.add(b, config);
    await node.deleteNetns("a");
    await node.exec("ip", ["address", "add", "10.9.0.9/24", "dev", "eth0"], { netns: "b" });
    await remove(node, "rm -rf /var/lib/cni/networks");
    await host.add(c, config);
    expect((await reservations(node)).toSorted()).toEqual(["10.1.0.2", "10.1.0.3", "fd00:1::2", "fd00:1::3"]);
  });
});
