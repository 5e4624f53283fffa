/** Who hears whom. */
import { describe, expect, test } from "vitest";
import { canRun, createOutside, ping, seenAddress, startEcho } from "../../helpers/index.ts";
import {
  attach,
  attachEverywhere,
  createWorld,
  type Keys,
  l2Network,
  l3Network,
  podSubnets,
  programs,
} from "./world.ts";

describe.runIf(canRun(...programs))("the guard", () => {
  /** The first node does not know of the third, which knows of it. */
  const strangers = async (keys: Keys) => {
    await using world = await createWorld(3);
    const known = [{ vtep: "192.0.2.2" }];
    const pods = await attachEverywhere(world, (index) =>
      l2Network(world, index, { ...(index === 0 ? { discovery: { peers: known } } : {}), ...keys }),
    );
    const stranger = world.host(2).node;
    const reached = await ping(stranger, pods[0]?.addresses[0] ?? "", { netns: "pod", seconds: 2 });
    const friend = await ping(world.host(1).node, pods[0]?.addresses[0] ?? "", { netns: "pod" });
    return { reached, friend };
  };

  test("keeps out an address that is not listed, and lets in the others", async () => {
    expect(await strangers({})).toEqual({ reached: false, friend: true });
  });

  test("is what keeps it out: without it the stranger is heard", async () => {
    expect(await strangers({ guard: false })).toEqual({ reached: true, friend: true });
  });
});

describe.runIf(canRun(...programs))("two networks on the same nodes", () => {
  test("do not hear each other, though their pods have the same addresses", async () => {
    await using world = await createWorld(2);
    const red = (index: number) => l2Network(world, index, { name: "red", vni: 100 });
    const blue = (index: number) => l2Network(world, index, { name: "blue", vni: 200 });
    const [red1] = await attachEverywhere(world, red, "red");
    const alone = await attach(world.host(1), "blue", blue(1));
    const target = alone.addresses[0] ?? "";
    // In the red network no pod has this address: red1 is alone with its own peer.
    await world
      .host(1)
      .del({ ...alone, name: "red", netns: "/run/netns/red", containerId: "id-red" }, red(1));
    expect(await ping(world.host(0).node, target, { netns: red1?.name ?? "", seconds: 2 })).toBe(false);
    const blue1 = await attach(world.host(0), "blue", blue(0));
    expect(await ping(world.host(0).node, target, { netns: blue1.name })).toBe(true);
  });
});

describe.runIf(canRun(...programs))("source addresses", () => {
  test("stay those of the pods from node to node, and are the node's outside", async () => {
    await using world = await createWorld(2);
    const host = world.host(0);
    await using outside = await createOutside(host.node);
    const [one, two] = await attachEverywhere(world, (index) => l3Network(world, index, { ipMasq: true }));
    await using _inside = await startEcho(world.host(1).node, 8080, "pod");
    await using _outside = await startEcho(outside, 8080);
    const target = two?.addresses[0] ?? "";
    expect(await seenAddress(host.node, target, 8080, { netns: "pod" })).toBe(one?.addresses[0]);
    expect(await seenAddress(host.node, outside.address4, 8080, { netns: "pod" })).toBe(outside.nodeAddress4);
    // The node itself comes from its address inside the overlay.
    expect(await seenAddress(host.node, target, 8080)).toBe(podSubnets(0)[0]?.replace("/24", ""));
  });
});
