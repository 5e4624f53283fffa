import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { hostState } from "../attachment/kernel-state.ts";
import { attach, createWorld, failed, l2Network, l3Network, programs, succeeded } from "./world.ts";

describe.runIf(canRun(...programs))("STATUS", () => {
  test("is content with a sound node, before the first ADD and after it, and changes nothing", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    for (const config of [l2Network(world, 0), l3Network(world, 0)]) {
      const before = await hostState(host.node);
      succeeded(await host.call("STATUS", undefined, config));
      expect(await hostState(host.node)).toEqual(before);
    }
    await attach(host, "one", l3Network(world, 0));
    succeeded(await host.call("STATUS", undefined, l3Network(world, 0)));
  });

  test("reports that the underlay is down, missing, or too small", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const config = l3Network(world, 0, { underlay: { dev: "eth0", local: "192.0.2.1" } });
    await host.node.exec("ip", ["link", "set", "eth0", "mtu", "110"]);
    failed(await host.call("STATUS", undefined, config), 7, /MTU of 60 is too small/);
    await host.node.exec("ip", ["link", "set", "eth0", "mtu", "1500", "down"]);
    failed(await host.call("STATUS", undefined, config), 50, /underlay interface eth0 is down/);
    await host.node.exec("ip", ["link", "delete", "eth0"]);
    failed(await host.call("STATUS", undefined, config), 50, /underlay interface eth0 is missing/);
  });
});
