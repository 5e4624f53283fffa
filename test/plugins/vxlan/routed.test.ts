/** Nodes in different networks, with a router between them; and many ADDs at once. */
import { describe, expect, test } from "vitest";
import { capture } from "../../helpers/capture.ts";
import { canRun, ping } from "../../helpers/index.ts";
import { decapsulateAll } from "../../helpers/vxlan-packets.ts";
import {
  attach,
  attachEverywhere,
  createWorld,
  fdbOf,
  l2Network,
  l3Network,
  overlayOf,
  programs,
  routesOf,
  succeeded,
} from "./world.ts";

describe.runIf(canRun(...programs))("an overlay behind a router", () => {
  test.each(["l2", "l3"] as const)("joins pods whose nodes are in different networks (%s)", async (mode) => {
    await using world = await createWorld(3, { isRouted: true });
    const network = mode === "l2" ? l2Network : l3Network;
    const pods = await attachEverywhere(world, (index) => network(world, index));
    for (const from of pods) {
      for (const to of pods.filter((pod) => pod !== from)) {
        expect(await ping(from.host.node, to.addresses[0] ?? "", { netns: from.name })).toBe(true);
      }
    }
  });

  test("encapsulates in spite of directRouting, as no peer is on the same link", async () => {
    await using world = await createWorld(2, { isRouted: true });
    const direct = { l3: { directRouting: true } };
    const pods = await attachEverywhere(world, (index) => l3Network(world, index, {}, direct));
    const { node } = world.host(0);
    expect(await routesOf(node)).toEqual(["10.244.2.0/24 via 10.244.2.0 dev vx100"]);
    const frames = await capture(node, "eth0", "udp port 4789", () =>
      ping(node, pods[1]?.addresses[0] ?? "", { netns: "pod" }),
    );
    expect(decapsulateAll(frames).map(({ destination }) => destination)).toEqual(["192.0.2.2", "192.0.1.2"]);
  });

  test("encapsulates no more once peers are on the same link", async () => {
    await using world = await createWorld(2);
    await attachEverywhere(world, (index) => l3Network(world, index));
    expect(await fdbOf(world.host(0).node)).toHaveLength(1);
    const direct = { l3: { directRouting: true } };
    const pods = await attachEverywhere(world, (index) => l3Network(world, index, {}, direct), "direct");
    const { node } = world.host(0);
    expect(await routesOf(node)).toEqual(["10.244.2.0/24 via 192.0.2.2 dev eth0"]);
    expect(await fdbOf(node)).toEqual([]);
    expect(await ping(node, pods[1]?.addresses[0] ?? "", { netns: "direct" })).toBe(true);
  });
});

describe.runIf(canRun(...programs))("many ADDs at once on a new node", () => {
  test.each(["l2", "l3"] as const)("make one overlay, and all succeed (%s)", async (mode) => {
    await using world = await createWorld(2);
    const host = world.host(0);
    const config = (mode === "l2" ? l2Network : l3Network)(world, 0);
    const pods = await host.pods("a", "b", "c", "d", "e", "f");
    const runs = await Promise.all(pods.map((pod) => host.call("ADD", pod, config)));
    for (const run of runs) succeeded(run);
    const { fdb, guard } = await overlayOf(host.node);
    expect(fdb).toHaveLength(1);
    expect(guard).toEqual(["192.0.2.2"]);
    for (const [index, pod] of pods.entries()) await host.check(pod, config, runs[index]?.json);
    await attach(host, "last", config);
  });
});
