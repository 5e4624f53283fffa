import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startDigest, transfer } from "../../../test/helpers/bulk.ts";
import { canRun } from "../../../test/helpers/index.ts";
import { failed } from "../../../test/plugins/attachment/host.ts";
import { config, limits, nothing, programs, World } from "./world.ts";

let world: World;

const bytes = 200_000;
/** More than what neighbours, pings and acknowledgements need. */
const little = bytes / 2;

/** Sends both ways between the container and an address of the node. */
async function exchange(address: string): Promise<void> {
  const { node } = world.host;
  const inside = address.includes(":") ? "fd00:1::2" : "10.1.0.2";
  const flags = address.includes(":") ? ["nodad"] : [];
  await node.exec("ip", ["address", "add", address, "dev", "lo", ...flags]);
  const route = ["route", "replace", inside, "dev", world.end, "src", address];
  await node.exec("ip", route);
  for (const [target, port, netns] of [
    [inside, 7000, undefined],
    [address, 7001, "a"],
  ] as const) {
    const options = { port, bytes, ...(netns === undefined ? {} : { netns }) };
    const { sent, received } = await transfer(node, "stream", target, options);
    expect(received).toBe(sent);
  }
}

/** The bytes that the limits have counted, of both directions. */
async function limitedBytes(ifb: string): Promise<{ received: number; sent: number }> {
  const { node } = world.host;
  const { stdout } = await node.exec("tc", ["-s", "class", "show", "dev", world.end]);
  const received = Number(/class htb 1:1 [\s\S]*?Sent (\d+) bytes/.exec(stdout)?.[1]);
  const bucket = await world.root(ifb);
  return { received, sent: bucket?.bytes ?? 0 };
}

describe.runIf(canRun(...programs))("bandwidth with networks", () => {
  beforeEach(async () => {
    world = await World.create();
    await startDigest(world.host.node, 7000, "a");
    await startDigest(world.host.node, 7001);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  test.each([
    [
      "unshapedSubnets",
      ["192.0.2.0/24", "2001:db8::/33"],
      ["198.51.100.1", "2001:db8:8000::1"],
      ["192.0.2.1", "2001:db8:7fff::1"],
    ],
    [
      "shapedSubnets",
      ["192.0.2.0/24", "2001:db8::/33"],
      ["192.0.2.1", "2001:db8:7fff::1"],
      ["198.51.100.1", "2001:db8:8000::1"],
    ],
  ])(
    "%s: only traffic that is meant counts, in both directions and families",
    async (key, networks, limited, free) => {
      const keys = { ...limits, ingressRate: 80_000_000, egressRate: 80_000_000, [key]: networks };
      const result = await world.add(keys);
      const ifb = result.interfaces[2].name;
      for (const address of free) await exchange(address);
      const before = await limitedBytes(ifb);
      expect(before.received).toBeLessThan(little);
      expect(before.sent).toBeLessThan(little);
      for (const [count, address] of limited.entries()) {
        await exchange(address);
        const after = await limitedBytes(ifb);
        expect(after.received).toBeGreaterThan((count + 1) * bytes);
        expect(after.sent).toBeGreaterThan((count + 1) * bytes);
      }
      await world.host.check(world.pod, { ...config, ...keys }, result);
      await world.host.del(world.pod, { ...config, ...keys, prevResult: result });
      expect(await world.traces()).toEqual(nothing);
    },
  );

  test("the networks of the configuration are for the limits that a container asks for", async () => {
    const keys = { unshapedSubnets: ["10.0.0.0/8"], runtimeConfig: { bandwidth: limits } };
    const result = await world.add(keys);
    expect((await world.root(world.end))?.kind).toBe("htb");
    await world.host.check(world.pod, { ...config, ...keys }, result);
    await world.tc("filter", "delete", "dev", world.end, "parent", "1:");
    failed(
      await world.host.call("CHECK", world.pod, { ...config, ...keys, prevResult: result }),
      999,
      /filter of veth\w+ is missing, which chooses which packets/,
    );
    await world.tc(
      "class",
      "change",
      "dev",
      world.end,
      "parent",
      "1:",
      "classid",
      "1:1",
      "htb",
      "rate",
      "1mbit",
    );
    failed(
      await world.host.call("CHECK", world.pod, { ...config, ...keys, prevResult: result }),
      999,
      /htb of veth\w+ does not limit to 8000000/,
    );
  });

  test("a container whose limits had networks gets others without", async () => {
    await world.add({ ...limits, shapedSubnets: ["0.0.0.0/0", "::/0"] });
    const result = await world.add(limits);
    expect((await world.root(world.end))?.kind).toBe("tbf");
    await world.host.check(world.pod, { ...config, ...limits }, result);
  });
});
