import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/static-addresses", () => {
  test("gives a container the configured address, and another one the address that it asks for", async () => {
    await runExample(
      "static-addresses.conflist",
      async ({ node, outside, first, second }) => {
        const address = async (netns: string) =>
          (await node.exec("ip", ["-4", "-o", "address", "show", "eth0"], { netns })).stdout;
        expect(await address(first.name)).toContain("inet 10.39.0.5/24");
        expect(await address(second.name)).toContain("inet 10.39.0.6/24");
        expect(await ping(node, "10.39.0.6", { netns: first.name })).toBe(true);
        // By the configured gateway, which is the address of the bridge.
        for (const { name } of [first, second])
          expect(await ping(node, outside.nodeAddress4, { netns: name })).toBe(true);
      },
      [{}, { capabilities: { ips: ["10.39.0.6"] } }],
    );
  });
});
