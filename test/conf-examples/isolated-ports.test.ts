import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/isolated-ports", () => {
  test("keeps containers from each other, not from the node and the outside", async () => {
    await runExample("isolated-ports.conflist", async ({ node, outside, first, second }) => {
      await startEcho(outside, 8080);
      for (const { name, result } of [first, second]) {
        expect(await ping(node, result.ips?.[0]?.gateway ?? "", { netns: name })).toBe(true);
        const seen = await seenAddress(node, outside.address4, 8080, { netns: name });
        expect(seen).toBe(outside.nodeAddress4);
      }
      expect(await ping(node, second.addresses[0] ?? "", { netns: first.name, seconds: 2 })).toBe(false);
      expect(await ping(node, first.addresses[0] ?? "", { netns: second.name, seconds: 2 })).toBe(false);
    });
  });
});
