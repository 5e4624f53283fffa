import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, referenceBin, referencePlugin } from "../../helpers/index.ts";
import { Host } from "../../plugins/attachment/host.ts";
import { network, World } from "./world.ts";

let world: World;
let reference: Host;
beforeEach(async () => {
  world = await World.create();
  reference = new Host(world.node, referencePlugin("dhcp"), referenceBin);
  await world.dnsmasq();
});
afterEach(() => world.node.dispose());

// Debian's reference plugin prints an empty "dns" in later versions.
const config = network({}, { cniVersion: "0.4.0" });

describe.runIf(canRun("ip", "dnsmasq", referencePlugin("dhcp")))("with the reference plugin", () => {
  test("its plugin calls our daemon: ADD, CHECK, DEL", async () => {
    await world.daemon();
    const pod = await world.pod("a");
    const result = await reference.add(pod, config);
    expect(await world.host.add(pod, config)).toEqual(result);
    await reference.check(pod, config, result);
    await world.host.check(pod, config, result);
    await reference.del(pod, config);
    expect(await world.files()).toEqual([]);
    await expect.poll(() => world.leased()).toEqual([]);
  });

  test("our plugin calls its daemon: ADD, CHECK, DEL, STATUS, GC", async () => {
    await world.referenceDaemon();
    const pod = await world.pod("a");
    const result = await world.host.add(pod, config);
    expect(await reference.add(pod, config)).toEqual(result);
    expect(result.ips[0].gateway).toBe("10.9.0.1");
    await world.host.check(pod, config, result);
    await world.host.gc(network(), []);
    await world.host.del(pod, config);
    await expect.poll(() => world.leased()).toEqual([]);
  });
});
