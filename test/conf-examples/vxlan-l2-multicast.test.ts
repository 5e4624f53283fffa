import { describe, expect, test } from "vitest";
import { capture } from "../helpers/capture.ts";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runOverlayExample } from "./overlay-example.ts";

describe.runIf(canRun(...programs))("conf-examples/vxlan-l2-multicast", () => {
  test("joins the pods of nodes that find each other by a group", async () => {
    await runOverlayExample("vxlan-l2-multicast.conflist", 3, async ([one, two]) => {
      if (one === undefined || two === undefined) throw new Error("two pods are needed");
      const frames = await capture(one.node, "eth0", "udp port 4789 and src host 192.0.2.1", async () => {
        expect(await ping(one.node, two.addresses[0] ?? "", { netns: "one" })).toBe(true);
      });
      expect(frames.length).toBeGreaterThan(0);
    });
  });
});
