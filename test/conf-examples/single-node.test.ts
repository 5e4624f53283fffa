import { describe, expect, test } from "vitest";
import { canRun, ping, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/single-node", () => {
  test("joins containers to each other, to the node, and through NAT to the outside", async () => {
    await runExample("single-node.conflist", async ({ node, outside, first, second }) => {
      const [one = "", two = ""] = [first.addresses[0], second.addresses[0]];
      expect(await ping(node, two, { netns: first.name })).toBe(true);
      expect(await ping(node, one, { netns: second.name })).toBe(true);
      expect(await ping(node, one)).toBe(true);
      await using _server = await startEcho(node, 8080, second.name);
      expect(await seenAddress(node, two, 8080, { netns: first.name })).toBe(one);
      await startEcho(outside, 8080);
      expect(await seenAddress(node, outside.address4, 8080, { netns: first.name })).toBe(
        outside.nodeAddress4,
      );
    });
  });

  test("sends frames back to the container they came from", async () => {
    await runExample("single-node.conflist", async ({ node, first }) => {
      const port =
        first.result.interfaces?.find(({ name }) => name !== "cni0" && name !== "eth0")?.name ?? "";
      const [link] = await node.execJson<{ linkinfo: { info_slave_data: { hairpin: boolean } } }[]>("ip", [
        "-j",
        "-d",
        "link",
        "show",
        port,
      ]);
      expect(link?.linkinfo.info_slave_data.hairpin).toBe(true);
    });
  });
});
