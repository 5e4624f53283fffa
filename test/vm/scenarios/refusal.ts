import assert from "node:assert/strict";
import { addPod, assertRefused, call, network } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { nodeState } from "./state.ts";
import { portVlans } from "./vlans.ts";

// Configurations that cannot be served: an error that says why, and nothing changed.

const longBridge = "bridge-for-pods";
const longName = network("red", 1, { bridge: longBridge, vlan: 100, isGateway: true });

export const refusal: readonly Scenario[] = [
  {
    name: "refused: a gateway interface with a name longer than the kernel allows",
    run: async (node) => {
      await node.addNetns("a");
      const before = await nodeState(node);
      const run = await call(node, "ADD", "a", longName);
      assertRefused(run, /bridge-for-pods\.100/);
      assert.match(`${run.json.msg} ${run.json.details}`, /15|too long/);
      assert.deepEqual(await nodeState(node), before);
    },
  },
  {
    name: "not refused: a bridge with a long name in a VLAN that needs no gateway interface",
    run: async (node) => {
      const pod = await addPod(node, "a", { ...longName, isGateway: false });
      assert.deepEqual(await portVlans(node, pod.port), ["100 pvid untagged"]);
    },
  },
  {
    name: "refused: the name of the gateway interface is taken by something else",
    run: async (node) => {
      await node.exec("ip", ["link", "add", "br0.100", "type", "bridge"]);
      await node.addNetns("a");
      const before = await nodeState(node);
      assertRefused(await call(node, "ADD", "a", { ...longName, bridge: "br0" }), /br0\.100/);
      assert.deepEqual(await nodeState(node), before);
    },
  },
];
