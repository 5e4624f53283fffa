import { describe, expect, test } from "vitest";
import { capture } from "../helpers/capture.ts";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runOverlayExample } from "./overlay-example.ts";

describe.runIf(canRun(...programs))("conf-examples/vxlan-l3-direct-routing", () => {
  test("routes between nodes on one link without encapsulation", async () => {
    await runOverlayExample("vxlan-l3-direct-routing.conflist", 3, async ([one, two]) => {
      if (one === undefined || two === undefined) throw new Error("two pods are needed");
      const frames = await capture(one.node, "eth0", "udp port 4789", async () => {
        expect(await ping(one.node, two.addresses[0] ?? "", { netns: "one" })).toBe(true);
      });
      expect(frames).toEqual([]);
    });
  });
});
