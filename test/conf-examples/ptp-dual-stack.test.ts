import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/ptp-dual-stack", () => {
  test("routes between containers and to the outside in both families", async () => {
    await runExample("ptp-dual-stack.conflist", async ({ node, outside, first, second }) => {
      expect(first.addresses).toHaveLength(2);
      for (const address of second.addresses) {
        expect(await ping(node, address, { netns: first.name }), address).toBe(true);
      }
      await startEcho(outside, 8080);
      const netns = { netns: second.name };
      expect(await seenAddress(node, outside.address4, 8080, netns)).toBe(outside.nodeAddress4);
      expect(await seenAddress(node, outside.address6, 8080, netns)).toBe(outside.nodeAddress6);
    });
  });
});
