import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import { attachEverywhere, createWorld, fdbOf, guardOf, l2Network, programs } from "./world.ts";

describe.runIf(canRun(...programs))("vxlan in the mode l2", () => {
  test("joins the pods of three nodes to one segment", async () => {
    await using world = await createWorld(3);
    const pods = await attachEverywhere(world, (index) => l2Network(world, index));
    for (const from of pods) {
      for (const to of pods.filter((pod) => pod !== from)) {
        expect(await ping(from.host.node, to.addresses[0] ?? "", { netns: from.name })).toBe(true);
      }
    }
    expect(await fdbOf(world.host(0).node)).toEqual([
      "00:00:00:00:00:00 192.0.2.2",
      "00:00:00:00:00:00 192.0.2.3",
    ]);
    expect(await guardOf(world.host(0).node)).toEqual(["192.0.2.2", "192.0.2.3"]);
  });
});
