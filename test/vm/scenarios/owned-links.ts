import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import type { CniCommand } from "../../helpers/index.ts";
import { distBin } from "../../helpers/paths.ts";
import { buildLinkPlugin } from "../../shared/attachment/links/built.ts";
import { assertDone } from "./pods.ts";
import type { Scenario } from "./scenario.ts";
import { nodeState } from "./state.ts";

// Links of kinds that not every kernel has: test/shared/attachment/owned-links.test.ts says the rest.

const subject = (kind: string): Scenario => ({
  name: `owned links: ${kind} is made, passes CHECK, and goes with its own DEL only`,
  run: async (node) => {
    const executable = await buildLinkPlugin(kind);
    const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };
    const config = { cniVersion: "1.1.0", name: "net", type: kind, master: "up0", ipam };
    // Its state is the same from the start: a dummy interface has no carrier to wait for.
    await node.exec("ip", ["link", "add", "up0", "up", "type", "dummy"]);
    const netns = await node.addNetns("a");
    const call = async (command: CniCommand, containerId: string, keys = {}) => {
      const attachment = { containerId, netns, ifname: "eth0", path: distBin };
      const run = await node.plugin(executable, { command, ...attachment, config: { ...config, ...keys } });
      assertDone(run, command);
      return run.json;
    };
    const shown = async () => (await node.exec("ip", ["-d", "link"], { netns: "a" })).stdout;
    try {
      const before = await nodeState(node);
      const prevResult = await call("ADD", "id-a");
      assert.match(await shown(), new RegExp(`eth0@[\\s\\S]*\\b${kind}\\b[\\s\\S]*container=id-a`));
      await call("CHECK", "id-a", { prevResult });
      await call("DEL", "id-former");
      assert.match(await shown(), /eth0@/);
      await call("DEL", "id-a", { prevResult });
      assert.doesNotMatch(await shown(), /eth0@/);
      assert.deepEqual(await nodeState(node), before);
    } finally {
      rmSync(dirname(executable), { recursive: true });
    }
  },
});

export const ownedLinks: readonly Scenario[] = ["ipvlan", "vlan"].map(subject);
