import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/ptp", () => {
  test("routes between containers and the node, and through NAT to the outside", async () => {
    await runExample("ptp.conflist", async ({ node, outside, first, second }) => {
      const [one = "", two = ""] = [first.addresses[0], second.addresses[0]];
      expect(await ping(node, two, { netns: first.name })).toBe(true);
      expect(await ping(node, one)).toBe(true);
      await using _server = await startEcho(node, 8080, second.name);
      expect(await seenAddress(node, two, 8080, { netns: first.name })).toBe(one);
      await startEcho(outside, 8080);
      expect(await seenAddress(node, outside.address4, 8080, { netns: first.name })).toBe(
        outside.nodeAddress4,
      );
    });
  });
});
