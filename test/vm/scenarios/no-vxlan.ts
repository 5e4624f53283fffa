import assert from "node:assert/strict";
import { builtPlugin } from "../../helpers/index.ts";
import type { VmNode } from "../node.ts";
import type { Scenario } from "./scenario.ts";
import { nodeState } from "./state.ts";

// A kernel that has no VXLAN: here it has, as a module, which is kept from being loaded.

const config = {
  cniVersion: "1.1.0",
  name: "overlay",
  type: "vxlan",
  mode: "l3",
  vni: 100,
  underlay: { dev: "eth0" },
  l3: { network: "10.244.0.0/16", subnets: ["10.244.1.0/24"] },
  discovery: { type: "static", peers: [{ vtep: "192.0.2.2", subnets: ["10.244.2.0/24"] }] },
  ipam: { type: "host-local" },
};

async function makeUnderlay(node: VmNode): Promise<void> {
  const lines = [
    "link add eth0 type veth peer name cable",
    "address add 192.0.2.1/24 dev eth0",
    "link set cable up",
    "link set eth0 up",
  ];
  await node.exec("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
}

export const noVxlan: readonly Scenario[] = [
  {
    name: "a kernel without VXLAN: STATUS and ADD say so, and ADD leaves nothing",
    run: async (node) => {
      await node.exec("sh", ["-c", "echo install vxlan /bin/false > /etc/modprobe.d/no-vxlan.conf"]);
      await makeUnderlay(node);
      const netns = await node.addNetns("a");
      const call = { containerId: "id-a", netns, ifname: "eth0", config };
      const status = await node.plugin(builtPlugin("vxlan"), { command: "STATUS", config });
      assert.equal(status.json.code, 50, status.stdout);
      assert.match(status.json.msg, /this kernel has no VXLAN/);
      assert.match(status.json.details, /load the module vxlan/);
      const before = await nodeState(node);
      const add = await node.plugin(builtPlugin("vxlan"), { command: "ADD", ...call });
      assert.equal(add.json.code, 50, add.stdout);
      assert.match(add.json.msg, /this kernel has no VXLAN/);
      assert.deepEqual(await nodeState(node), before);
    },
  },
];
