import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { network, server, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.node.dispose());

describe.runIf(canRun("ip", "dnsmasq"))("with a daemon and dnsmasq", () => {
  test("ADD gets an address, CHECK confirms it, DEL gives it back", async () => {
    await world.dnsmasq();
    await world.daemon();
    const pod = await world.pod("a");
    const result = await world.host.add(pod, network());
    expect(result).toEqual({
      cniVersion: "1.1.0",
      ips: [{ address: expect.stringMatching(/^10\.9\.0\.[5-9]\d\/24$/), gateway: server }],
      routes: [{ dst: "0.0.0.0/0", gw: server }],
    });
    const [address] = result.ips[0].address.split("/");
    expect(await world.leased()).toEqual([address]);
    expect(await world.files()).toHaveLength(1);
    await world.host.check(pod, network(), result);
    await world.host.del(pod, network());
    await expect.poll(() => world.leased()).toEqual([]);
    expect(await world.files()).toEqual([]);
    await world.host.del(pod, network());
  });
});
