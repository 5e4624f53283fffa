import { describe, expect, test } from "vitest";
import { canRun, type Node, ping } from "../helpers/index.ts";
import { type Container, programs, runExample } from "./example.ts";

async function setMac(node: Node, container: Container, mac: string): Promise<void> {
  await node.exec("ip", ["link", "set", "eth0", "address", mac], { netns: container.name });
}

describe.runIf(canRun(...programs))("conf-examples/mac-spoof-check", () => {
  test("drops what a container sends under another MAC address", async () => {
    await runExample("mac-spoof-check.conflist", async ({ node, first, second }) => {
      const gateway = first.result.ips?.[0]?.gateway ?? "";
      const own = first.result.interfaces?.find(({ name }) => name === "eth0")?.mac ?? "";
      expect(await ping(node, gateway, { netns: first.name })).toBe(true);
      expect(await ping(node, second.addresses[0] ?? "", { netns: first.name })).toBe(true);
      await setMac(node, first, "02:00:00:00:be:ef");
      expect(await ping(node, gateway, { netns: first.name, seconds: 2 })).toBe(false);
      expect(await ping(node, second.addresses[0] ?? "", { netns: first.name, seconds: 2 })).toBe(false);
      expect(await ping(node, gateway, { netns: second.name })).toBe(true);
      await setMac(node, first, own);
      expect(await ping(node, gateway, { netns: first.name })).toBe(true);
    });
  });
});
