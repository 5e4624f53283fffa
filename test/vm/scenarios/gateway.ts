import assert from "node:assert/strict";
import type { VmNode } from "../node.ts";
import { addPod, network } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { addOutside, outside, seenSource } from "./traffic.ts";
import { assertReaches, assertSilent, isFiltering } from "./vlans.ts";

// `vlan` with `isGateway`: the gateway of a VLAN is an interface of its own, "<bridge>.<vlan>".

const subnet = (name: string, vlan: number, net: string, settings: object = {}) =>
  network(name, 1, {
    vlan,
    isDefaultGateway: true,
    ipam: { type: "host-local", ranges: [[{ subnet: net }]] },
    ...settings,
  });

const red = subnet("red", 100, "10.2.0.0/24");
const blue = subnet("blue", 200, "10.3.0.0/24");

interface AddressEntry {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly addr_info: readonly {
    readonly local: string;
    readonly family: string;
    readonly prefixlen: number;
  }[];
}

/** The IPv4 addresses of the node by interface, loopback aside. */
const addresses = async (node: VmNode): Promise<Record<string, string[]>> => {
  const entries = await node.execJson<AddressEntry[]>("ip", ["-j", "-4", "address"]);
  const text = (entry: AddressEntry) =>
    entry.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return Object.fromEntries(entries.filter(({ ifname }) => ifname !== "lo").map((e) => [e.ifname, text(e)]));
};

/** A bridge with what an earlier ADD would have left on it. */
const byHand = (node: VmNode, lines: readonly string[]) => {
  const batch = ["link add br0 type bridge vlan_filtering 1", "link set br0 up", ...lines];
  return node.exec("ip", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
};

/** br_netfilter shows bridged packets to iptables, too: there a pod's packet is on its way to the gateway. */
const masquerades = async (node: VmNode, bridgedPass: "0" | "1"): Promise<void> => {
  for (const family of ["", "6"]) {
    await node.exec("sysctl", ["-w", `net.bridge.bridge-nf-call-ip${family}tables=${bridgedPass}`]);
  }
  await addOutside(node);
  const ranges = [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]];
  const masquerade = { ...red, ipMasq: true, ipam: { type: "host-local", ranges } };
  const pod = await addPod(node, "a", masquerade);
  const seen = (to: string, address: string) => seenSource(node, { from: pod.netns, to, address });
  assert.equal(await seen(outside.netns, outside.address4), outside.nodeAddress4);
  assert.equal(await seen(outside.netns, outside.address6), outside.nodeAddress6);
  // Inside the VLAN nothing is translated.
  const neighbour = await addPod(node, "b", masquerade);
  assert.equal(await seen(neighbour.netns, neighbour.address), pod.address);
};

export const gateway: readonly Scenario[] = [
  {
    name: "gateway: it is on <bridge>.<vlan>, in the result, and the pods of the VLAN reach it",
    run: async (node) => {
      const pod = await addPod(node, "a", red);
      assert.deepEqual(await addresses(node), { "br0.100": ["10.2.0.1/24"] });
      const [link] = await node.execJson<AddressEntry[]>("ip", ["-j", "address", "show", "br0.100"]);
      const shown = pod.result.interfaces.find(({ name }) => name === "br0.100");
      assert.ok(shown, `br0.100 in ${JSON.stringify(pod.result.interfaces)}`);
      assert.equal(shown.mac, link?.address);
      assert.equal(shown.sandbox ?? "", "");
      await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: a second pod uses the same interface",
    run: async (node) => {
      const pods = [await addPod(node, "a", red), await addPod(node, "b", red)] as const;
      assert.deepEqual(await addresses(node), { "br0.100": ["10.2.0.1/24"] });
      const gatewayOf = (pod: (typeof pods)[number]) =>
        pod.result.interfaces.find((i) => i.name === "br0.100");
      assert.deepEqual(gatewayOf(pods[0]), gatewayOf(pods[1]));
      await assertReaches(node, pods[0], pods[1].address);
      for (const pod of pods) await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: two VLANs have two gateways, and the node routes between them",
    run: async (node) => {
      const [a, b] = [await addPod(node, "a", red), await addPod(node, "b", blue)];
      assert.deepEqual(await addresses(node), { "br0.100": ["10.2.0.1/24"], "br0.200": ["10.3.0.1/24"] });
      await assertReaches(node, b, "10.3.0.1");
      await assertReaches(node, a, b.address);
      // Beside the router there is no way: a neighbour in the other VLAN is not found.
      await node.exec("ip", ["route", "add", `${b.address}/32`, "dev", "eth0"], { netns: a.netns });
      await assertSilent(node, a, b.address);
    },
  },
  {
    name: "gateway: large packets pass when the network has a large MTU",
    run: async (node) => {
      const pod = await addPod(node, "a", { ...red, mtu: 9000 });
      const ping = ["-n", "-c", "1", "-W", "5", "-M", "do", "-s", "8900", "10.2.0.1"];
      await node.exec("ping", ping, { netns: pod.netns });
    },
  },
  {
    name: "gateway: isolated ports reach the gateway of their VLAN but not each other",
    run: async (node) => {
      const isolated = { ...red, portIsolation: true };
      const [a, b] = [await addPod(node, "a", isolated), await addPod(node, "b", isolated)];
      await assertReaches(node, a, "10.2.0.1");
      await assertReaches(node, b, "10.2.0.1");
      await assertSilent(node, a, b.address);
    },
  },
  {
    name: "gateway: IPv6",
    run: async (node) => {
      const pod = await addPod(node, "a", subnet("red", 100, "fd00:2::/64"));
      await assertReaches(node, pod, "fd00:2::1");
    },
  },
  {
    name: "gateway: pods of VLANs started at once share one gateway interface",
    run: async (node) => {
      const names = Array.from({ length: 6 }, (_, index) => `pod${index}`);
      const pods = await Promise.all(names.map((name) => addPod(node, name, red)));
      assert.equal(new Set(pods.map((pod) => pod.address)).size, names.length);
      assert.deepEqual(await addresses(node), { "br0.100": ["10.2.0.1/24"] });
      for (const pod of pods) await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: ipMasq gives pods of a VLAN the node's address outside",
    run: (node) => masquerades(node, "0"),
  },
  {
    name: "gateway: ipMasq works where bridged packets pass iptables, as on a Kubernetes node",
    run: (node) => masquerades(node, "1"),
  },
  {
    name: "gateway: VLAN 1",
    run: async (node) => {
      const pod = await addPod(node, "a", subnet("red", 1, "10.2.0.0/24"));
      assert.deepEqual(await addresses(node), { "br0.1": ["10.2.0.1/24"] });
      await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: one that the reference plugin made is used as it is",
    run: async (node) => {
      await byHand(node, [
        "link add br0.100 type veth peer name gateway-port",
        "address add 10.2.0.1/24 dev br0.100",
        "link set gateway-port master br0 up",
        "link set br0.100 up",
      ]);
      await node.exec("bridge", ["vlan", "add", "dev", "gateway-port", "vid", "100", "pvid", "untagged"]);
      await node.exec("bridge", ["vlan", "del", "dev", "gateway-port", "vid", "1"]);
      const pod = await addPod(node, "a", red);
      assert.deepEqual(await addresses(node), { "br0.100": ["10.2.0.1/24"] });
      await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: one that an interrupted ADD left half made is completed",
    run: async (node) => {
      await byHand(node, ["link add link br0 name br0.100 type vlan id 100"]);
      const pod = await addPod(node, "a", red);
      await assertReaches(node, pod, "10.2.0.1");
    },
  },
  {
    name: "gateway: a trunk without an own VLAN has its gateway on the bridge",
    run: async (node) => {
      const pod = await addPod(node, "a", { ...red, vlan: undefined, vlanTrunk: [{ id: 300 }] });
      assert.deepEqual(await addresses(node), { br0: ["10.2.0.1/24"] });
      assert.ok(await isFiltering(node, "br0"));
      await assertReaches(node, pod, "10.2.0.1");
    },
  },
];
