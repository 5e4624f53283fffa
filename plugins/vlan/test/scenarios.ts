/** What needs a kernel with 802.1Q: tests on a node in the virtual machine (test/vm). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../test/helpers/index.ts";
import { assertChangeOver } from "../../../test/vm/scenarios/change-over.ts";
import { addLanAddresses, lan, makeLan } from "../../../test/vm/scenarios/lan.ts";
import { assertRefused } from "../../../test/vm/scenarios/pods.ts";
import type { Scenario } from "../../../test/vm/scenarios/scenario.ts";
import { addressesOf, type Keys, type Stage, scenariosOn } from "../../../test/vm/scenarios/stage.ts";
import { nodeState } from "../../../test/vm/scenarios/state.ts";

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] };
const config: Keys = { cniVersion: "1.1.0", name: "net", type: "vlan", master: "eth1", vlanId: 7, ipam };

/** The other host is in a VLAN, too. */
async function inVlan({ node }: Stage, id = 7): Promise<void> {
  await makeLan(node);
  const device = { netns: lan.netns };
  await node.exec(
    "ip",
    ["link", "add", "v", "link", lan.device, "up", "type", "vlan", "id", String(id)],
    device,
  );
  await addLanAddresses(node, "v");
}

const onStage = scenariosOn(config, inVlan);

export const scenarios: readonly Scenario[] = [
  onStage("the container reaches who is in its VLAN, and nothing is left after DEL", async (stage) => {
    const before = await nodeState(stage.node);
    const prevResult = await stage.done("ADD");
    assert.equal((await stage.eth0())?.linkinfo?.info_kind, "vlan");
    assert.deepEqual(addressesOf(await stage.eth0()), ["10.1.0.2/24", "fd00:1::2/64"]);
    assert.ok(await stage.reaches(lan.address4));
    assert.ok(await stage.reaches(lan.address6));
    await stage.done("CHECK", { prevResult });
    assertRefused(await stage.call("CHECK", { prevResult, vlanId: 8 }), /VLAN 7, expected 8/);
    await stage.done("DEL", { prevResult });
    await stage.done("DEL", { prevResult });
    assert.deepEqual(await stage.names(), ["lo"]);
    assert.deepEqual(await nodeState(stage.node), before);
  }),
  onStage("the container does not reach who is in another VLAN", async (stage) => {
    await stage.done("ADD", { vlanId: 8 });
    assert.equal(await stage.reaches(lan.address4), false);
  }),
  onStage("a VLAN that has an interface is refused in words, and nothing is left", async (stage) => {
    await stage.done("ADD");
    await stage.node.addNetns("b");
    const second = stage.other("b");
    assert.equal(assertRefused(await second.call("ADD"), /the VLAN 7 of eth1 has an interface already/), 999);
    assert.deepEqual(await second.names(), ["lo"]);
    assert.equal((await stage.reservations()).length, 2);
  }),
  onStage(
    "a master that is down is refused with the command that helps, and nothing is left",
    async (stage) => {
      await stage.node.exec("ip", ["link", "set", "eth1", "down"]);
      assert.equal(assertRefused(await stage.call("ADD"), /master eth1 is down.*ip link set eth1 up/s), 11);
      assert.deepEqual(await stage.names(), ["lo"]);
      assert.deepEqual(await stage.reservations(), []);
    },
  ),
  onStage("wrong keys are refused before anything is done", async (stage) => {
    const wrong: readonly (readonly [Keys, number, RegExp])[] = [
      [{ master: "" }, 7, /"master" is missing/],
      [{ master: "eth9" }, 999, /"eth9" does not exist/],
      [{ vlanId: 4095 }, 7, /"vlanId" is 4095/],
      [{ vlanId: -1 }, 7, /"vlanId" is -1/],
      [{ mtu: 1501 }, 7, /must be \[0, master MTU\(1500\)\]/],
      [{ ipam: {} }, 7, /"ipam" names no plugin/],
    ];
    for (const [keys, code, words] of wrong)
      assert.equal(assertRefused(await stage.call("ADD", keys), words), code);
    assert.deepEqual(await stage.names(), ["lo"]);
  }),
  onStage("DEL releases the addresses when the master is gone, and when the namespace is", async (stage) => {
    await stage.done("ADD");
    await stage.node.exec("ip", ["link", "delete", "eth1"]);
    await stage.done("DEL");
    assert.deepEqual(await stage.reservations(), []);
  }),
  onStage("STATUS says that the master is missing", async (stage) => {
    await stage.done("STATUS");
    assert.equal(assertRefused(await stage.call("STATUS", { master: "eth9" }), /"eth9" does not exist/), 50);
  }),
  onStage("what the reference attached, ours checks and detaches, and the other way round", assertChangeOver),
  onStage("the example attaches a container", async (stage) => {
    const text = readFileSync(join(projectRoot, "plugins/vlan/example.conflist"), "utf8");
    const { plugins, cniVersion, name } = JSON.parse(text) as { plugins: Keys[] } & Keys;
    const keys = { ...plugins[0], cniVersion, name };
    const prevResult = await stage.done("ADD", keys);
    await stage.done("CHECK", { ...keys, prevResult });
    await stage.done("DEL", { ...keys, prevResult });
    assert.deepEqual(await stage.names(), ["lo"]);
  }),
];
