import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/several-ranges", () => {
  test("goes on to the next range when one is full, and serves both families", async () => {
    await runExample("several-ranges.conflist", async ({ node, outside, first, second }) => {
      const fourths = [first, second].map(({ addresses }) => Number(addresses[0]?.split(".")[3]));
      expect(fourths.filter((last) => last === 10).length).toBeLessThanOrEqual(1);
      expect(fourths.some((last) => last >= 200 && last <= 250)).toBe(true);
      expect(first.result.ips?.[1]?.gateway).toBe("fd00:27::fe");
      expect(await ping(node, "fd00:27::fe", { netns: first.name })).toBe(true);
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
