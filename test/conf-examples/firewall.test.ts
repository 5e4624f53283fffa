import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

describe.runIf(canRun(...programs, "iptables", "ip6tables"))("conf-examples/firewall", () => {
  test("lets the traffic of containers pass where the node drops what it forwards", async () => {
    await runExample(
      "firewall.conflist",
      async ({ node, outside, first, second }) => {
        for (const tool of ["iptables", "ip6tables"]) await node.exec(tool, ["-P", "FORWARD", "DROP"]);
        await using _server = await startEcho(node, 80, first.name);
        for (const { name } of [first, second]) {
          for (const address of [outside.address4, outside.address6])
            expect(await ping(node, address, { netns: name })).toBe(true);
        }
        expect(await seenAddress(outside, outside.nodeAddress4, 8080)).toBe(outside.address4);
        expect(await seenAddress(outside, outside.nodeAddress6, 8080)).toBe(outside.address6);
        for (const tool of ["iptables", "ip6tables"]) await node.exec(tool, ["-P", "FORWARD", "ACCEPT"]);
      },
      [{ capabilities: { portMappings } }, {}],
    );
  });
});
