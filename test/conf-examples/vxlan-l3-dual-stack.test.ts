import { describe, expect, test } from "vitest";
import { capture } from "../helpers/capture.ts";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runOverlayExample } from "./overlay-example.ts";

describe.runIf(canRun(...programs))("conf-examples/vxlan-l3-dual-stack", () => {
  test("carries IPv4 and IPv6 over IPv4", async () => {
    await runOverlayExample("vxlan-l3-dual-stack.conflist", 2, async ([one, two]) => {
      if (one === undefined || two === undefined) throw new Error("two pods are needed");
      expect(two.addresses).toHaveLength(2);
      const frames = await capture(one.node, "eth0", "ip and udp port 4789", async () => {
        for (const address of two.addresses)
          expect(await ping(one.node, address, { netns: "one" })).toBe(true);
      });
      expect(frames).toHaveLength(4);
    });
  });
});
