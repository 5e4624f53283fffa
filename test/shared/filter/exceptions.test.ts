import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, createOutside, type Node, seenAddress, startEcho } from "../../helpers/index.ts";
import { apply, check, createPods, installVariants, masqueradeOf, owner, tools, ways } from "./world.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
});
afterEach(() => node.dispose());

/** A pod to be masqueraded, one in a network that shall see its address, and one in a network that shall not. */
const createWorld = async () => {
  await createPods(node, {
    a: ["10.1.0.2", "fd00:1::2"],
    named: ["10.2.0.2", "fd00:2::2"],
    other: ["10.3.0.2", "fd00:3::2"],
  });
  await startEcho(node, 7000, "named");
  await startEcho(node, 7000, "other");
};

const seen = (host: string) => seenAddress(node, host, 7000, { netns: "a" });
const exceptions = ["192.0.2.0/24", "10.2.0.0/15", "fd00:2::/33", "2001:dba::/32"];

describe.runIf(canRun(...tools)).each(ways)("networks that see the addresses themselves ($how)", (way) => {
  const ensure = (containerId: string, network: string, address: string, others: string[] = []) =>
    apply(node, masqueradeOf(way, owner(containerId, "eth0", network), [address], others), way.variant);

  test.each([
    ["in a network", ["10.1.0.2/24", "fd00:1::2/64"]],
    ["in none", ["10.1.0.2/32", "fd00:1::2/128"]],
  ])("do, and no others, when the addresses are %s", async (_where, addresses) => {
    await createWorld();
    const wanted = masqueradeOf(way, owner("c1"), addresses, exceptions);
    expect(await apply(node, wanted, way.variant)).toBeNull();
    expect(await check(node, wanted, way.variant)).toBeNull();
    expect(await seen("10.2.0.2")).toBe("10.1.0.2");
    expect(await seen("fd00:2::2")).toBe("fd00:1::2");
    // 10.2.0.0/15 goes up to 10.3.255.255.
    expect(await seen("10.3.0.2")).toBe("10.1.0.2");
    expect(await seen("fd00:3::2")).not.toBe("fd00:1::2");
    await using outside = await createOutside(node);
    await startEcho(outside, 7000);
    expect(await seen(outside.address4)).toBe(outside.nodeAddress4);
    expect(await seen(outside.address6)).toBe(outside.nodeAddress6);
  });

  test("can be all networks of a family", async () => {
    await createWorld();
    const wanted = masqueradeOf(way, owner("c1"), ["10.1.0.2/24", "fd00:1::2/64"], ["::/0"]);
    expect(await apply(node, wanted, way.variant)).toBeNull();
    expect(await seen("fd00:2::2")).toBe("fd00:1::2");
    expect(await seen("10.2.0.2")).toBe("169.254.1.1");
  });

  test("are those of a container's own network, also where another one has the same subnet", async () => {
    await createWorld();
    await createPods(node, { b: ["10.1.0.3"], c: ["10.1.0.4"] });
    expect(await ensure("a", "one", "10.1.0.2/24", ["10.2.0.0/24"])).toBeNull();
    expect(await ensure("b", "two", "10.1.0.3/24", ["10.3.0.0/24"])).toBeNull();
    expect(await ensure("c", "three", "10.1.0.4/24")).toBeNull();
    const from = (netns: string, host: string) => seenAddress(node, host, 7000, { netns });
    const seenFrom = async (netns: string) => [await from(netns, "10.2.0.2"), await from(netns, "10.3.0.2")];
    expect(await seenFrom("a")).toEqual(["10.1.0.2", "169.254.1.1"]);
    expect(await seenFrom("b")).toEqual(["169.254.1.1", "10.1.0.3"]);
    expect(await seenFrom("c")).toEqual(["169.254.1.1", "169.254.1.1"]);
  });

  test("follow the configuration of the latest ADD of an attachment", async () => {
    await createWorld();
    expect(await ensure("a", "net", "10.1.0.2/24", ["10.2.0.0/24"])).toBeNull();
    expect(await seen("10.2.0.2")).toBe("10.1.0.2");
    expect(await ensure("a", "net", "10.1.0.2/24")).toBeNull();
    expect(await seen("10.2.0.2")).toBe("169.254.1.1");
  });
});
