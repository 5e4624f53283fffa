import assert from "node:assert/strict";
import { builtPlugin } from "../../helpers/index.ts";
import type { Scenario } from "./scenario.ts";
import { nodeState } from "./state.ts";

// A kernel that lacks what bandwidth needs: here it has all of it, as modules, which are kept from being loaded.

const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
const ptp = { cniVersion: "1.1.0", name: "net", type: "ptp", ipam };
const limits = { ingressRate: 80e6, ingressBurst: 8e6, egressRate: 80e6, egressBurst: 8e6 };
const config = { cniVersion: "1.1.0", name: "net", type: "bandwidth", ...limits };
const withNetworks = { ...config, unshapedSubnets: ["192.0.2.0/24"] };

/** In the order in which ADD needs them, so that none has been loaded before. portmap needs sch_ingress, too, in a scenario beside this one. */
const modules = [
  ["ifb", config],
  ["sch_tbf", config],
  ["cls_u32", config],
  ["act_mirred", config],
  ["sch_htb", withNetworks],
] as const;

export const bandwidth: readonly Scenario[] = [
  {
    name: "bandwidth: a kernel without one of its modules names it, and nothing is left; with all of them it limits",
    run: async (node) => {
      const netns = await node.addNetns("a");
      const attachment = { containerId: "id-a", netns, ifname: "eth0" };
      const plugin = (command: "ADD" | "CHECK" | "DEL" | "STATUS", keys: Record<string, unknown>) =>
        node.plugin(builtPlugin(String(keys["type"])), {
          command,
          ...(command === "STATUS" ? {} : attachment),
          config: keys,
        });
      const prevResult = (await plugin("ADD", ptp)).json;
      const tc = async () => (await node.exec("tc", ["qdisc"])).stdout;
      const before = [await nodeState(node), await tc()];
      for (const [module, keys] of modules) {
        const file = "/etc/modprobe.d/no-bandwidth.conf";
        await node.exec("sh", ["-c", `echo install ${module} /bin/false >${file}`]);
        const add = await plugin("ADD", { ...keys, prevResult });
        assert.equal(add.json.code, 50, `${module}: ${add.stdout}`);
        assert.match(add.json.details, new RegExp(`modprobe .*\\b${module}\\b`));
        assert.deepEqual([await nodeState(node), await tc()], before, module);
        const status = await plugin("STATUS", keys);
        assert.equal(status.exitCode, module === "ifb" ? 1 : 0, status.stdout);
        await node.exec("rm", [file]);
      }
      for (const keys of [config, withNetworks]) {
        const add = await plugin("ADD", { ...keys, prevResult });
        assert.equal(add.exitCode, 0, add.stdout);
        for (const [netns, address] of [
          [undefined, "10.1.0.2"],
          ["a", "10.1.0.1"],
        ] as const)
          await node.exec(
            "ping",
            ["-n", "-c", "1", "-W", "5", address],
            netns === undefined ? {} : { netns },
          );
        const check = await plugin("CHECK", { ...keys, prevResult: add.json });
        assert.equal(check.exitCode, 0, check.stdout);
        const del = await plugin("DEL", { ...keys, prevResult: add.json });
        assert.equal(del.exitCode, 0, del.stdout);
        assert.deepEqual([await nodeState(node), await tc()], before);
      }
    },
  },
];
