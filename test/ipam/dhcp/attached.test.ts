/** Plugins that make an interface and get its address from a server: whole attachments. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, ping } from "../../helpers/index.ts";
import { failed, Host, type Keys } from "../../plugins/attachment/host.ts";
import { network, server, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.create();
  const cable =
    "ip link add up0 type veth peer name port1 && ip link set port1 master lan up && ip link set up0 up";
  await world.node.exec("sh", ["-c", cable]);
});
afterEach(() => world.node.dispose());

const macvlan = network({}, { type: "macvlan", master: "up0" });
const cases: readonly (readonly [string, string, Keys])[] = [
  ["macvlan", "macvlan", macvlan],
  ["host-device", "host-device", network({}, { type: "host-device", device: "up0" })],
  ["bridge", "bridge", network({}, { type: "bridge", bridge: "lan" })],
  [
    "bridge with spoof check, masquerade and port isolation",
    "bridge",
    network(
      {},
      { type: "bridge", bridge: "lan", macspoofchk: true, ipMasq: true, ipMasqBackend: "nftables" },
    ),
  ],
];

describe.runIf(canRun("ip", "dnsmasq", "nft"))("an address by DHCP", () => {
  test.each(cases)("%s", async (_, plugin, config) => {
    await world.dnsmasq();
    await world.daemon();
    const host = new Host(world.node, builtPlugin(plugin));
    await host.warmUp(config);
    const pod = await host.pod("a");
    const before = await world.node.snapshot();
    const result = await host.add(pod, config);
    const [address = ""] = result.ips[0].address.split("/");
    expect(await world.leased()).toEqual([address]);
    expect(result.routes).toEqual([{ dst: "0.0.0.0/0", gw: server }]);
    expect(await ping(world.node, server, { netns: "a" })).toBe(true);
    await host.check(pod, config, result);
    await host.del(pod, { ...config, prevResult: result });
    await expect.poll(() => world.leased()).toEqual([]);
    expect(await world.node.snapshot()).toEqual(before);
  });

  test.each(cases)("%s: an ADD without a server fails and leaves nothing", async (_, plugin, config) => {
    await world.daemon(["-timeout", "300ms", "-resendtimeout", "500ms"]);
    const host = new Host(world.node, builtPlugin(plugin));
    const pod = await host.pod("a");
    // What the first ADD makes for all.
    failed(await host.call("ADD", pod, config), 11);
    const before = await world.node.snapshot();
    failed(await host.call("ADD", pod, config), 11, /net\/id-a\/eth0: no DHCP server answered within 0\.5 s/);
    expect(await world.node.snapshot()).toEqual(before);
  });

  test("macvlan: a namespace that is gone has its address released by DEL, and by GC", async () => {
    await world.dnsmasq();
    await world.daemon();
    const host = new Host(world.node, builtPlugin("macvlan"));
    const [a, b] = await host.pods("a", "b");
    // The node itself reaches the server.
    await world.node.exec("ip", ["address", "add", "10.9.0.2/24", "dev", "lan"]);
    for (const pod of [a, b]) await host.add(pod, macvlan);
    await host.node.deleteNetns("a");
    await host.del(a, macvlan);
    await expect.poll(() => world.leased()).toHaveLength(1);
    await host.gc(macvlan, []);
    await expect.poll(() => world.leased()).toEqual([]);
    expect(await world.files()).toEqual([]);
  });

  test("a plugin that makes its interface after it has addresses is told so", async () => {
    await world.daemon();
    const host = new Host(world.node, builtPlugin("ptp"));
    const pod = await host.pod("a");
    const words =
      /"ipam.type" is "dhcp", but ptp makes its interface after it has addresses.*bridge, macvlan/;
    failed(await host.call("ADD", pod, network({}, { type: "ptp" })), 7, words);
    failed(await host.call("STATUS", undefined, network({}, { type: "ptp" })), 7, words);
    // Of a plugin that is not known.
    const missing = /no interface eth0 in \/run\/netns\/a.*bridge, macvlan/;
    failed(await world.host.call("ADD", pod, network({}, { type: "other" })), 7, missing);
  });
});
