import { describe, expect, test } from "vitest";
import { canRun, seenAddress, startEcho } from "../helpers/index.ts";
import { programs, runExample } from "./example.ts";

describe.runIf(canRun(...programs))("conf-examples/masquerade-exceptions", () => {
  test("masquerades, and lets the named networks see the containers' addresses", async () => {
    await runExample("masquerade-exceptions.conflist", async ({ node, outside, first }) => {
      const seen = (address: string) => seenAddress(node, address, 8080, { netns: first.name });
      await startEcho(outside, 8080);
      // The outside is in the named networks; it needs a way back to the containers now.
      await outside.exec("ip", ["route", "add", "10.28.0.0/24", "via", outside.nodeAddress4]);
      await outside.exec("ip", ["route", "add", "fd00:28::/64", "via", outside.nodeAddress6]);
      expect([await seen(outside.address4), await seen(outside.address6)]).toEqual(first.addresses);
      // It has addresses in other networks too.
      for (const [address, gateway] of [
        ["198.51.100.1/32", outside.address4],
        ["2001:db8:1::1/128", outside.address6],
      ] as const) {
        await outside.exec("ip", ["address", "add", address, "dev", "lo"]);
        await node.exec("ip", ["route", "replace", address, "via", gateway]);
      }
      expect(await seen("198.51.100.1")).toBe(outside.nodeAddress4);
      expect(await seen("2001:db8:1::1")).toBe(outside.nodeAddress6);
      expect((await node.snapshot()).iptables).toEqual([]);
      // What was added to the node goes again.
      await node.exec("ip", ["route", "delete", "198.51.100.1/32"]);
      await node.exec("ip", ["route", "delete", "2001:db8:1::1/128"]);
    });
  });
});
