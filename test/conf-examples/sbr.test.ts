import { describe, expect, test } from "vitest";
import { canRun, ping } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/sbr", () => {
  test("a further interface of a container answers by its own gateway, and leaves the main table alone", async () => {
    const asSecond = { ifname: "net1" };
    await runExample(
      "sbr.conflist",
      async ({ node, first, second }) => {
        const [own = "", other = ""] = [first.addresses[0], second.addresses[0]];
        const ip = async (...words: string[]) => (await node.exec("ip", words, { netns: first.name })).stdout;
        expect(await ip("route", "get", "198.51.100.1", "from", own)).toContain("via 10.34.0.1 dev net1");
        expect(await ip("route", "show")).not.toContain("net1");
        for (const target of [own, other]) expect(await ping(node, target)).toBe(true);
      },
      [asSecond, asSecond],
    );
  });
});
