/** An ADD that finds the overlay in order leaves it alone. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { attach, createWorld, networkOf, overlayOf, programs } from "./world.ts";

describe.runIf(canRun(...programs))("a second ADD with the same configuration", () => {
  test.each(["l2", "l3"] as const)("changes nothing of the overlay in the mode %s", async (mode) => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const config = networkOf[mode](world, 0);
    await attach(host, "one", config);
    const before = await overlayOf(host.node);
    const alias = async () => (await host.node.exec("ip", ["link", "show", "vx100"])).stdout;
    const link = await alias();
    await using monitor = host.node.start("ip", ["monitor", "link", "address", "route", "neigh"]);
    await using rules = host.node.start("nft", ["monitor"]);
    // Both print nothing until something happens.
    await expect
      .poll(
        async () => {
          await host.node.exec("sh", ["-c", "nft add table ip listening; nft delete table ip listening"]);
          await host.node.exec("ip", ["link", "set", "lo", "down", "up"]);
          const wait = new Promise<void>((resolve) => setTimeout(resolve, 100));
          const lines = await Promise.all(
            [monitor.firstLine(), rules.firstLine()].map((line) => Promise.race([line, wait])),
          );
          return lines.every((line) => line !== undefined);
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    await attach(host, "two", config);
    // The end of what can be seen: an event that comes after all others.
    await host.node.exec("ip", ["link", "add", "last", "type", "bridge"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const seen = (await monitor.stop("SIGTERM")).stdout.split("\n");
    expect(seen.join("\n")).toContain("last");
    expect(seen.filter((line) => /(^|dev |: )vx100\b|proto 84/.test(line))).toEqual([]);
    expect((await rules.stop("SIGTERM")).stdout).not.toContain("vteps");
    expect(await overlayOf(host.node)).toEqual(before);
    expect(await alias()).toBe(link);
    expect(link).toMatch(/alias podwire network=net vxlan [0-9a-f]{16}\.[0-9a-f]{16}/);
  });
});
