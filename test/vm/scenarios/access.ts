import assert from "node:assert/strict";
import { addPod, assertDone, call, network } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { assertReaches, assertSilent, isFiltering, portVlans } from "./vlans.ts";

// `vlan`: a pod is in one VLAN and knows nothing of it.

const red = network("red", 1, { vlan: 100 });
const blue = network("blue", 2, { vlan: 200 });
const plain = network("plain", 3, {});

export const access: readonly Scenario[] = [
  {
    name: "vlan: pods of one VLAN reach each other, a pod of another VLAN is apart",
    run: async (node) => {
      const [a, b, other] = [
        await addPod(node, "a", red),
        await addPod(node, "b", red),
        await addPod(node, "other", blue),
      ];
      await assertReaches(node, a, b.address);
      await assertSilent(node, other, a.address);
      // The counter-proof: only the VLAN was in the way.
      await node.exec("bridge", ["vlan", "add", "vid", "100", "pvid", "untagged", "dev", other.port]);
      await assertReaches(node, other, a.address);
    },
  },
  {
    name: "vlan: STATUS is well before the first bridge and after it, and makes none",
    run: async (node) => {
      assertDone(await call(node, "STATUS", "a", red), "STATUS");
      const { stdout } = await node.exec("ip", ["-br", "link", "show", "type", "bridge"]);
      assert.equal(stdout, "");
      await addPod(node, "a", plain);
      assertDone(await call(node, "STATUS", "a", red), "STATUS");
      assert.ok(!(await isFiltering(node, "br0")), "STATUS switches no filtering on");
    },
  },
  {
    name: "vlan: the port is in its VLAN and in no other",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      assert.deepEqual(await portVlans(node, pod.port), ["100 pvid untagged"]);
      assert.ok(await isFiltering(node, "br0"));
    },
  },
  {
    name: "vlan: preserveDefaultVlan leaves the port in VLAN 1 as well",
    run: async (node) => {
      const pod = await addPod(node, "a", network("red", 1, { vlan: 100, preserveDefaultVlan: true }));
      assert.deepEqual(await portVlans(node, pod.port), ["1 untagged", "100 pvid untagged"]);
    },
  },
  {
    name: "vlan: a network without VLANs on the same bridge stays apart and goes on working",
    run: async (node) => {
      const before = [await addPod(node, "p1", plain), await addPod(node, "p2", plain)] as const;
      assert.ok(!(await isFiltering(node, "br0")), "no filtering before a network asks for it");
      const pod = await addPod(node, "a", red);
      const after = await addPod(node, "p3", plain);
      assert.ok(await isFiltering(node, "br0"), "filtering is switched on for the existing bridge");
      await assertReaches(node, before[0], before[1].address);
      await assertReaches(node, after, before[0].address);
      await assertSilent(node, pod, before[0].address);
      assert.deepEqual(await portVlans(node, after.port), ["1 pvid untagged"]);
    },
  },
  {
    name: "vlan: a bridge made by hand without filtering gets it",
    run: async (node) => {
      await node.exec("ip", ["link", "add", "br0", "type", "bridge", "vlan_filtering", "0"]);
      const [a, b, other] = [
        await addPod(node, "a", red),
        await addPod(node, "b", red),
        await addPod(node, "other", blue),
      ];
      assert.ok(await isFiltering(node, "br0"));
      await assertReaches(node, a, b.address);
      await assertSilent(node, other, a.address);
    },
  },
  {
    name: "vlan: a network without address management",
    run: async (node) => {
      const bare = { ...red, ipam: {} };
      const pods = [await addPod(node, "a", bare), await addPod(node, "b", bare)] as const;
      const inside = async (index: 0 | 1, address: string) => {
        const { netns, port } = pods[index];
        await node.exec("ip", ["address", "add", address, "dev", "eth0"], { netns });
        assert.deepEqual(await portVlans(node, port), ["100 pvid untagged"]);
      };
      await inside(0, "10.9.0.1/24");
      await inside(1, "10.9.0.2/24");
      await assertReaches(node, pods[0], "10.9.0.2");
    },
  },
];
