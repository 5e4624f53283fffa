import assert from "node:assert/strict";
import type { VmNode } from "../node.ts";
import { addPod, assertDone, assertRefused, call, checkPod, delPod, network, type Pod } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { nodeState } from "./state.ts";
import { assertReaches, assertSilent, portVlans } from "./vlans.ts";

// CHECK, DEL and GC of attachments with VLANs.

const red = network("red", 1, { vlan: 100, isGateway: true });
const trunk = network("trunk", 4, { vlanTrunk: [{ minID: 10, maxID: 12 }] });

/** Everything at once, so that DEL has something to forget. */
const full = { ...red, ipMasq: true, vlanTrunk: [{ minID: 300, maxID: 302 }] };

const breakVlan = (node: VmNode, verb: "add" | "del", pod: Pod, ...vlan: string[]) =>
  node.exec("bridge", ["vlan", verb, "dev", pod.port, "vid", ...vlan]);

export const lifecycle: readonly Scenario[] = [
  {
    name: "CHECK: passes for vlan, fails once the port has lost its VLAN, and passes when it is back",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      assertDone(await checkPod(node, pod), "CHECK");
      await breakVlan(node, "del", pod, "100");
      assertRefused(await checkPod(node, pod), /vlan.*100/i);
      await breakVlan(node, "add", pod, "100", "pvid", "untagged");
      assertDone(await checkPod(node, pod), "CHECK after the repair");
    },
  },
  {
    name: "CHECK: fails when the VLAN of the port is no longer untagged",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      await breakVlan(node, "add", pod, "100");
      assertRefused(await checkPod(node, pod), /vlan.*100/i);
    },
  },
  {
    name: "CHECK: passes for vlanTrunk, fails once one VLAN of the trunk is missing",
    run: async (node) => {
      const pod = await addPod(node, "a", trunk);
      assertDone(await checkPod(node, pod), "CHECK");
      await breakVlan(node, "del", pod, "11");
      assertRefused(await checkPod(node, pod), /vlan.*(11|10-12)/i);
    },
  },
  {
    name: "CHECK: fails when the bridge no longer filters",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      await node.exec("ip", ["link", "set", "br0", "type", "bridge", "vlan_filtering", "0"]);
      assertRefused(await checkPod(node, pod), /vlan.?filtering/i);
    },
  },
  {
    name: "CHECK: fails when the gateway of the VLAN is gone",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      await node.exec("ip", ["link", "del", "br0.100"]);
      assertRefused(await checkPod(node, pod), /br0\.100|gateway/i);
    },
  },
  {
    name: "CHECK: fails when the gateway is cut off from its VLAN",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      await node.exec("bridge", ["vlan", "del", "dev", "br0", "vid", "100", "self"]);
      await assertSilent(node, pod, "10.1.0.1");
      assertRefused(await checkPod(node, pod), /vlan.*100/i);
    },
  },
  {
    name: "DEL: leaves nothing of the attachment, and may be repeated",
    run: async (node) => {
      await addPod(node, "first", full);
      await node.addNetns("second");
      const before = await nodeState(node);
      await node.deleteNetns("second");
      const pod = await addPod(node, "second", full);
      await delPod(node, pod);
      await delPod(node, pod);
      assert.deepEqual(await nodeState(node), before);
    },
  },
  {
    name: "DEL: leaves nothing of the attachment when its namespace is gone",
    run: async (node) => {
      await addPod(node, "first", full);
      const before = await nodeState(node);
      const pod = await addPod(node, "second", full);
      await node.deleteNetns("second");
      await delPod(node, pod);
      assert.deepEqual(await nodeState(node), before);
    },
  },
  {
    name: "GC: removes what is not in the list and leaves the rest in its VLAN",
    run: async (node) => {
      const kept = await addPod(node, "kept", red);
      await node.addNetns("lost");
      const before = await nodeState(node);
      await node.deleteNetns("lost");
      await addPod(node, "lost", red);
      const valid = { "cni.dev/valid-attachments": [{ containerID: "id-kept", ifname: "eth0" }] };
      assertDone(await call(node, "GC", "kept", { ...red, ...valid }), "GC");
      assert.deepEqual(await nodeState(node), before);
      assert.deepEqual(await portVlans(node, kept.port), ["100 pvid untagged"]);
      await assertReaches(node, kept, "10.1.0.1");
    },
  },
];
