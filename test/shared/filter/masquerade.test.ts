import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, createOutside, type Node, seenAddress, startEcho } from "../../helpers/index.ts";
import {
  apply,
  check,
  createPods,
  installVariants,
  masqueradeOf,
  owner,
  remove,
  tools,
  ways,
} from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

describe.runIf(canRun(...tools)).each(ways)("masqueraded traffic ($how)", (way) => {
  const wanted = (...addresses: string[]) => masqueradeOf(way, owner("c1"), addresses);

  test("leaves with the node's address, but inside the own network with its own", async () => {
    await using outside = await createOutside(node);
    await createPods(node, {
      a: ["10.1.0.2", "fd00:1::2"],
      near: ["10.1.0.3", "fd00:1::3"],
      far: ["10.2.0.2", "fd00:2::2"],
    });
    await startEcho(outside, 7000);
    for (const pod of ["near", "far"]) await startEcho(node, 7000, pod);
    const seen = (host: string, milliseconds = 3000) =>
      seenAddress(node, host, 7000, { netns: "a", milliseconds });

    // The outside has no way back to a pod's own address.
    expect(await seen(outside.address4, 300)).toBeUndefined();
    expect(await apply(node, wanted("10.1.0.2/24", "fd00:1::2/64"), way.variant)).toBeNull();
    expect(await check(node, wanted("10.1.0.2/24", "fd00:1::2/64"), way.variant)).toBeNull();

    expect(await seen(outside.address4)).toBe(outside.nodeAddress4);
    expect(await seen(outside.address6)).toBe(outside.nodeAddress6);
    expect(await seen("10.1.0.3")).toBe("10.1.0.2");
    expect(await seen("fd00:1::3")).toBe("fd00:1::2");
    expect(await seen("10.2.0.2")).toBe("169.254.1.1");
    expect(await seen("fd00:2::2")).not.toBe("fd00:1::2");
    // A pod that did not ask for it keeps its own address.
    expect(await seenAddress(node, "10.1.0.2", 7000, { netns: "near", milliseconds: 300 })).toBeUndefined();

    expect(await remove(node, owner("c1"), way.variant)).toBeNull();
    expect(await seen(outside.address4, 300)).toBeUndefined();
    expect(await seen("10.2.0.2")).toBe("10.1.0.2");
  });

  test("of one attachment can be two addresses of a family, each with its own network", async () => {
    await using outside = await createOutside(node);
    await createPods(node, { a: ["10.1.0.2"], b: ["10.2.0.2"], c: ["10.2.0.3"] });
    await startEcho(outside, 7000);
    await startEcho(node, 7000, "c");
    expect(await apply(node, wanted("10.1.0.2/24", "10.2.0.2/24"), way.variant)).toBeNull();
    for (const netns of ["a", "b"]) {
      expect(await seenAddress(node, outside.address4, 7000, { netns })).toBe(outside.nodeAddress4);
    }
    expect(await seenAddress(node, "10.2.0.3", 7000, { netns: "b" })).toBe("10.2.0.2");
    expect(await seenAddress(node, "10.2.0.3", 7000, { netns: "a" })).toBe("169.254.1.1");
  });
});
