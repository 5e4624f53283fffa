import { describe, expect, test } from "vitest";
import { canRun, ping } from "../../helpers/index.ts";
import {
  attachEverywhere,
  createWorld,
  fdbOf,
  guardOf,
  l3Network,
  neighboursOf,
  programs,
  routesOf,
} from "./world.ts";

describe.runIf(canRun(...programs))("vxlan in the mode l3", () => {
  test("routes between the pods of three nodes, with one route, neighbour and entry for each peer", async () => {
    await using world = await createWorld(3);
    const pods = await attachEverywhere(world, (index) => l3Network(world, index));
    for (const from of pods) {
      for (const to of pods.filter((pod) => pod !== from)) {
        expect(await ping(from.host.node, to.addresses[0] ?? "", { netns: from.name })).toBe(true);
      }
    }
    const { node } = world.host(0);
    expect(await fdbOf(node)).toEqual(["0e:76:c0:00:02:02 192.0.2.2", "0e:76:c0:00:02:03 192.0.2.3"]);
    expect(await neighboursOf(node)).toEqual([
      "10.244.2.0 0e:76:c0:00:02:02",
      "10.244.3.0 0e:76:c0:00:02:03",
    ]);
    expect(await routesOf(node)).toEqual([
      "10.244.2.0/24 via 10.244.2.0 dev vx100",
      "10.244.3.0/24 via 10.244.3.0 dev vx100",
    ]);
    expect(await guardOf(node)).toEqual(["192.0.2.2", "192.0.2.3"]);
    for (const [index, pod] of pods.entries()) {
      await pod.host.check(pod, l3Network(world, index), pod.result);
      await pod.host.del(pod, l3Network(world, index));
    }
  });
});
