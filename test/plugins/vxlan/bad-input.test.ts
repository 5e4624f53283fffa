/** Configurations that cannot work: a clear error, and nothing changed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { bad, discovery, peers } from "./bad-configurations.ts";
import { badL3 } from "./bad-l3-configurations.ts";
import { createWorld, failed, l2Network, l3Network, programs, succeeded, type World } from "./world.ts";

const canRunAll = canRun(...programs);
let world: World;

beforeAll(async () => {
  if (!canRunAll) return;
  world = await createWorld(2);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe.runIf(canRunAll)("a configuration with", () => {
  test.each([...bad, ...badL3])(
    "$what is refused by ADD, which changes nothing",
    async ({ mode, keys, code = 7, words }) => {
      const host = world.host(0);
      const config = mode === "l3" ? l3Network(world, 0, keys) : l2Network(world, 0, keys);
      const pod = await host.pod("pod");
      try {
        const before = await hostState(host.node);
        const run = await host.call("ADD", pod, config);
        failed(run, code, words);
        const after = await hostState(host.node);
        // A file of IPAM's index has no owner, as our empty table; forwarding is switched on for the node.
        const shared = { files: [], sysctls: [], nftables: [] };
        expect({ ...after, ...shared }).toEqual({ ...before, ...shared });
        expect(after.nftables.join()).not.toContain("vteps");
      } finally {
        await host.node.deleteNetns("pod");
      }
    },
  );

  test("64 peers to send every broadcast to comes with a warning", async () => {
    const host = world.host(0);
    const config = l2Network(world, 0, {
      underlay: { dev: "eth0" },
      keepDevice: false,
      ...discovery(peers(64)),
    });
    const pod = await host.pod("warned");
    const run = succeeded(await host.call("ADD", pod, config));
    expect(run.stderr).toMatch(/sent 64 times/);
    await host.del(pod, config);
    const silent = succeeded(await host.call("ADD", pod, { ...config, l2: { arp: "suppress" } }));
    expect(silent.stderr).toBe("");
    await host.del(pod, config);
    const many = { ...config, ...discovery(peers(300)), l2: { arp: "suppress" } };
    expect(succeeded(await host.call("ADD", pod, many)).stderr).toBe("");
    await host.del(pod, many);
  });
});
