/** What needs a kernel with ipvlan: tests on a node in the virtual machine (test/vm). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtPlugin, projectRoot } from "../../../test/helpers/index.ts";
import { assertChangeOver } from "../../../test/vm/scenarios/change-over.ts";
import { addLanAddresses, lan, makeLan } from "../../../test/vm/scenarios/lan.ts";
import { assertRefused } from "../../../test/vm/scenarios/pods.ts";
import type { Scenario } from "../../../test/vm/scenarios/scenario.ts";
import { addressesOf, type Keys, scenariosOn } from "../../../test/vm/scenarios/stage.ts";
import { nodeState } from "../../../test/vm/scenarios/state.ts";

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] };
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "ipvlan", master: "eth1", ipam };

const onStage = scenariosOn(config, async ({ node }) => {
  await makeLan(node);
  await addLanAddresses(node);
});

const dhcpServer = [
  "dnsmasq --conf-file=/dev/null --port=0 --pid-file=/run/dnsmasq.pid --no-resolv --no-ping --user=root",
  `--interface=${lan.device} --bind-dynamic --dhcp-leasefile=/run/leases --dhcp-range=10.1.0.50,10.1.0.90,2m`,
].join(" ");
const dhcpDaemon = `
"$1" daemon -pidfile /run/dhcp.pid > /run/dhcp.log 2>&1 &
until [ -S /run/cni/dhcp.sock ]; do sleep 0.1; done`;

export const scenarios: readonly Scenario[] = [
  onStage("containers reach each other and the other host, and nothing is left after DEL", async (stage) => {
    const before = await nodeState(stage.node);
    const prevResult = await stage.done("ADD");
    await stage.node.addNetns("b");
    const second = stage.other("b");
    await second.done("ADD");
    assert.equal((await stage.eth0())?.linkinfo?.info_kind, "ipvlan");
    assert.deepEqual(addressesOf(await stage.eth0()), ["10.1.0.2/24", "fd00:1::2/64"]);
    for (const address of [lan.address4, lan.address6, "10.1.0.3", "fd00:1::3"])
      assert.ok(await stage.reaches(address), address);
    await stage.done("CHECK", { prevResult });
    assertRefused(await stage.call("CHECK", { prevResult, mode: "l3" }), /ipvlan mode l2, expected l3/);
    await second.done("DEL");
    await stage.done("DEL", { prevResult });
    assert.deepEqual(await stage.names(), ["lo"]);
    await stage.node.deleteNetns("b");
    assert.deepEqual(await nodeState(stage.node), before);
  }),
  onStage(
    "containers get addresses by DHCP, although they have the MAC address of the master",
    async (stage) => {
      const { node } = stage;
      const ipam = { ipam: { type: "dhcp" } };
      await node.exec("sh", ["-c", dhcpServer], { netns: lan.netns });
      await node.exec("sh", ["-c", dhcpDaemon, "sh", builtPlugin("dhcp")]);
      try {
        await node.addNetns("b");
        const containers = [stage, stage.other("b")];
        const addresses: string[] = [];
        for (const each of containers) {
          const prevResult = await each.done("ADD", ipam);
          addresses.push(prevResult.ips[0].address);
          assert.ok(await each.reaches(lan.address4));
          await each.done("CHECK", { ...ipam, prevResult });
        }
        assert.equal(new Set(addresses).size, 2);
        for (const each of containers) await each.done("DEL", ipam);
      } finally {
        await node.exec("sh", ["-c", "kill $(cat /run/dnsmasq.pid /run/dhcp.pid)"]);
      }
    },
  ),
  onStage("the modes l3 and l3s are made", async (stage) => {
    for (const mode of ["l3", "l3s"]) {
      const prevResult = await stage.done("ADD", { mode });
      assert.match(
        (await stage.ip("-d", "link", "show", "eth0")).stdout,
        new RegExp(`ipvlan +mode ${mode} `),
      );
      await stage.done("CHECK", { mode, prevResult });
      await stage.done("DEL", { mode, prevResult });
    }
  }),
  onStage(
    "an address that another container on the master has is refused in words, and nothing is left",
    async (stage) => {
      await stage.done("ADD");
      await stage.node.addNetns("b");
      const second = stage.other("b");
      const same = { name: "twin" };
      assert.equal(
        assertRefused(await second.call("ADD", same), /another ipvlan interface on eth1 has one of/),
        999,
      );
      assert.deepEqual(await second.names(), ["lo"]);
    },
  ),
  onStage("a master with macvlan interfaces is refused in words", async (stage) => {
    await stage.node.exec("ip", ["link", "add", "mv0", "link", "eth1", "type", "macvlan"]);
    assertRefused(await stage.call("ADD"), /eth1 is in use.*macvlan/s);
    assert.deepEqual(await stage.reservations(), []);
  }),
  onStage("in a chain it takes the addresses and the only interface of the earlier plugin", async (stage) => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth1" }],
      ips: [{ address: "10.1.0.77/24", interface: 0 }],
      routes: [{ dst: "198.51.100.0/24", gw: lan.address4 }],
    };
    const keys = { master: "", ipam: {} };
    const result = await stage.done("ADD", { ...keys, prevResult });
    assert.deepEqual(addressesOf(await stage.eth0()), ["10.1.0.77/24"]);
    assert.deepEqual(
      result.interfaces.map(({ name }: { name: string }) => name),
      ["eth0"],
    );
    assert.ok(await stage.reaches(lan.address4));
    // There is no default route, and the result no longer names the master.
    await stage.done("CHECK", { ...keys, prevResult: result });
    await stage.done("DEL", { ...keys, prevResult: result });
    assert.deepEqual(await stage.names(), ["lo"]);
  }),
  onStage("wrong keys are refused before anything is done", async (stage) => {
    const two = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth1" }, { name: "eth2" }],
      ips: [{ address: "10.1.0.7/24" }],
    };
    const wrong: readonly (readonly [Keys, number, RegExp])[] = [
      [{ mode: "l4" }, 7, /"mode" is an unknown ipvlan mode: "l4".*l2, l3, l3s/s],
      [{ master: "eth9" }, 999, /"eth9" does not exist/],
      [{ ipam: {} }, 7, /"ipam" names no plugin/],
      [{ master: "", ipam: {}, prevResult: two }, 7, /"master" is missing, and the earlier plugins/],
      [{ mtu: 1501 }, 7, /must be \[0, master MTU\(1500\)\]/],
    ];
    for (const [keys, code, words] of wrong)
      assert.equal(assertRefused(await stage.call("ADD", keys), words), code);
    assert.deepEqual(await stage.names(), ["lo"]);
  }),
  onStage("DEL releases the addresses without master and namespace", async (stage) => {
    await stage.done("ADD");
    await stage.node.exec("ip", ["link", "delete", "eth1"]);
    await stage.node.deleteNetns("a");
    await stage.done("DEL", { master: "" }, "");
    assert.deepEqual(await stage.reservations(), []);
  }),
  onStage("what the reference attached, ours checks and detaches, and the other way round", assertChangeOver),
  onStage("the example attaches a container", async (stage) => {
    const text = readFileSync(join(projectRoot, "plugins/ipvlan/example.conflist"), "utf8");
    const { plugins, cniVersion, name } = JSON.parse(text) as { plugins: Keys[] } & Keys;
    const keys = { ...plugins[0], cniVersion, name };
    const prevResult = await stage.done("ADD", keys);
    await stage.done("CHECK", { ...keys, prevResult });
    await stage.done("DEL", { ...keys, prevResult });
    assert.deepEqual(await stage.names(), ["lo"]);
  }),
];
