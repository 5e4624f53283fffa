import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { links } from "../attachment/kernel-state.ts";
import { failed, Host, hostLocal, network, programs } from "./host.ts";

describe.runIf(canRun(...programs))("an address of the node itself", () => {
  test("is not given to a container: refused, and nothing is left", async () => {
    const stage = await Host.create();
    try {
      await stage.node.exec("ip", ["address", "add", "10.7.0.2/32", "dev", "lo"]);
      const pod = await stage.pod("a");
      const before = await links(stage.node);
      const config = network({ ipam: hostLocal(["10.7.0.0/24"]) });
      failed(await stage.call("ADD", pod, config), 11, /10\.7\.0\.2 is one of this node's own/);
      expect(await links(stage.node)).toEqual(before);
    } finally {
      await stage.node.dispose();
    }
  });
});
