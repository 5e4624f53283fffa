import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/l2-only", () => {
  test("switches frames between containers and gives no container an address", async () => {
    await runExample("l2-only.conflist", async ({ node, first, second }) => {
      expect([...first.addresses, ...second.addresses]).toEqual([]);
      for (const [index, { name }] of [first, second].entries()) {
        const [link] = await node.execJson<{ mtu: number; flags: string[] }[]>(
          "ip",
          ["-j", "link", "show", "eth0"],
          { netns: name },
        );
        expect(link).toMatchObject({ mtu: 1400, flags: expect.arrayContaining(["UP"]) });
        const { stdout } = await node.exec("ip", ["-4", "route"], { netns: name });
        expect(stdout).toBe("");
        await node.exec("ip", ["address", "add", `192.0.2.${index + 1}/24`, "dev", "eth0"], { netns: name });
      }
      expect((await node.exec("ip", ["-4", "address", "show", "lan0"])).stdout).toBe("");
      expect(await ping(node, "192.0.2.2", { netns: first.name })).toBe(true);
    });
  });
});
