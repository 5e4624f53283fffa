import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

describe.runIf(canRun(...programs))("conf-examples/bridge-portmap", () => {
  test("leads a port of the node to a container: for other machines, the node and containers", async () => {
    await runExample(
      "bridge-portmap.conflist",
      async ({ node, outside, first, second }) => {
        await using _server = await startEcho(node, 80, first.name);
        expect(await seenAddress(outside, outside.nodeAddress4, 8080)).toBe(outside.address4);
        expect(await seenAddress(outside, outside.nodeAddress6, 8080)).toBe(outside.address6);
        expect(await seenAddress(node, "127.0.0.1", 8080)).toBe("10.31.0.1");
        for (const { name } of [first, second]) {
          expect(await seenAddress(node, outside.nodeAddress4, 8080, { netns: name })).toBe("10.31.0.1");
        }
      },
      [{ capabilities: { portMappings } }, {}],
    );
  });
});
