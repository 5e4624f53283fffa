import assert from "node:assert/strict";
import { addPod, network } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { addTagged, assertReaches, assertSilent, portVlans } from "./vlans.ts";

// `vlanTrunk`: a pod sends and receives tagged frames of some VLANs.

const trunkOf = (vlanTrunk: object[], settings: object = {}) =>
  network("trunk", 4, { vlanTrunk, ...settings });

const some = trunkOf([{ minID: 10, maxID: 12 }, { id: 20 }]);

export const trunk: readonly Scenario[] = [
  {
    name: "vlanTrunk: the port is tagged in its VLANs, and untagged in VLAN 1",
    run: async (node) => {
      const pod = await addPod(node, "a", some);
      assert.deepEqual(await portVlans(node, pod.port), ["1 pvid untagged", "10-12", "20"]);
    },
  },
  {
    name: "vlanTrunk: overlapping ranges are one set",
    run: async (node) => {
      const pod = await addPod(
        node,
        "a",
        trunkOf([{ id: 11 }, { minID: 10, maxID: 13 }, { minID: 12, maxID: 15 }]),
      );
      assert.deepEqual(await portVlans(node, pod.port), ["1 pvid untagged", "10-15"]);
    },
  },
  {
    name: "vlanTrunk: tagged frames pass in the VLANs of the trunk and in no other",
    run: async (node) => {
      const [a, b] = [await addPod(node, "a", some), await addPod(node, "b", some)];
      for (const [vlan, subnet] of [
        [10, 10],
        [20, 20],
        [13, 13],
      ] as const) {
        await addTagged(node, a, vlan, `10.20.${subnet}.1`);
        await addTagged(node, b, vlan, `10.20.${subnet}.2`);
      }
      await assertReaches(node, a, "10.20.10.2");
      await assertReaches(node, a, "10.20.20.2");
      await assertSilent(node, a, "10.20.13.2");
    },
  },
  {
    name: "vlanTrunk: a tagged frame reaches the pod that is in that VLAN untagged",
    run: async (node) => {
      const [a, single] = [
        await addPod(node, "a", some),
        await addPod(node, "b", network("red", 1, { vlan: 11 })),
      ];
      await addTagged(node, a, 11, "10.1.0.200");
      // The untagged interface of the trunk has an address of the same subnet: leave one way only.
      await node.exec("ip", ["address", "flush", "dev", "eth0"], { netns: a.netns });
      await assertReaches(node, a, single.address);
      await assertReaches(node, single, "10.1.0.200");
    },
  },
  {
    name: "vlanTrunk: untagged frames travel in VLAN 1",
    run: async (node) => {
      const [a, b] = [await addPod(node, "a", some), await addPod(node, "b", some)];
      const plain = await addPod(node, "plain", network("plain", 3, {}));
      const single = await addPod(node, "single", network("red", 1, { vlan: 11 }));
      await assertReaches(node, a, b.address);
      await assertReaches(node, a, plain.address);
      await assertSilent(node, a, single.address);
    },
  },
  {
    name: "vlanTrunk with vlan: untagged frames travel in that VLAN, tagged ones in theirs",
    run: async (node) => {
      const both = trunkOf([{ id: 200 }], { vlan: 100 });
      const a = await addPod(node, "a", both);
      assert.deepEqual(await portVlans(node, a.port), ["100 pvid untagged", "200"]);
      const red = await addPod(node, "red", network("red", 1, { vlan: 100 }));
      const blue = await addPod(node, "blue", { ...network("blue", 2, { vlan: 200 }), ipam: {} });
      await node.exec("ip", ["address", "add", "10.20.0.2/24", "dev", "eth0"], { netns: blue.netns });
      await addTagged(node, a, 200, "10.20.0.1");
      await assertReaches(node, a, red.address);
      await assertReaches(node, a, "10.20.0.2");
      await assertSilent(node, red, "10.20.0.2");
    },
  },
  {
    name: "vlanTrunk with vlan: the own VLAN stays untagged when a range of the trunk covers it",
    run: async (node) => {
      const pod = await addPod(node, "a", trunkOf([{ minID: 99, maxID: 101 }], { vlan: 100 }));
      assert.deepEqual(await portVlans(node, pod.port), ["99", "100 pvid untagged", "101"]);
    },
  },
  {
    name: "vlanTrunk with preserveDefaultVlan: VLAN 1 is kept",
    run: async (node) => {
      const pod = await addPod(node, "a", trunkOf([{ id: 200 }], { vlan: 100, preserveDefaultVlan: true }));
      assert.deepEqual(await portVlans(node, pod.port), ["1 untagged", "100 pvid untagged", "200"]);
    },
  },
  {
    name: "vlanTrunk: all 4094 VLANs",
    run: async (node) => {
      const pod = await addPod(node, "a", trunkOf([{ minID: 1, maxID: 4094 }]));
      assert.deepEqual(await portVlans(node, pod.port), ["1 pvid untagged", "2-4094"]);
    },
  },
];
