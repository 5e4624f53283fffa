import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { writeSubnetEnv } from "../helpers/subnet-env.ts";
import { programs, runExample } from "./example.ts";

const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

describe.runIf(canRun(...programs))("conf-examples/flannel", () => {
  test("connects pods in the subnet of flanneld, and leads a port of the node to one", async () => {
    await runExample(
      "flannel.conflist",
      async ({ node, outside, first, second }) => {
        expect(first.addresses[0]).toMatch(/^10\.244\.1\./);
        expect(await ping(node, second.addresses[0] ?? "", { netns: first.name })).toBe(true);
        await using _server = await startEcho(node, 80, first.name);
        expect(await seenAddress(outside, outside.nodeAddress4, 8080)).toBe(outside.address4);
      },
      [{ capabilities: { portMappings } }, {}],
      (node) => writeSubnetEnv(node),
    );
  });
});
