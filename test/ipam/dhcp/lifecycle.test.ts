import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { succeeded } from "../../plugins/attachment/host.ts";
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

  test("GC gives back what is not in the list, and keeps what is younger than the list and what is of other networks", async () => {
    await world.dnsmasq();
    await world.daemon();
    const [a, b, c] = [await world.pod("a"), await world.pod("b"), await world.pod("c")];
    await world.host.add(a, network());
    const time = String(BigInt(Date.now()) * 1_000_000n);
    await world.host.add(b, network());
    await world.host.add(c, network({}, { name: "other" }));
    const list = { ...network(), "cni.dev/valid-attachments": [] };
    succeeded(await world.host.call("GC", undefined, list, { env: { PODWIRE_LIST_TIME: time } }));
    await expect.poll(() => world.leased()).toHaveLength(2);
    await world.host.gc(network(), [b]);
    expect(await world.files()).toHaveLength(2);
    await world.host.gc(network(), []);
    expect(await world.files()).toHaveLength(1);
    await world.host.gc(network({}, { name: "other" }), []);
    await expect.poll(() => world.leased()).toEqual([]);
  });
});
