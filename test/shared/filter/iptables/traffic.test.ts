import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FilterRecord } from "../../../../shared/filter/record.ts";
import { parseIp } from "../../../../shared/ip/address.ts";
import {
  canRun,
  createNode,
  createOutside,
  type Node,
  type Outside,
  seenAddress,
  startEcho,
} from "../../../helpers/index.ts";
import { masqueradeOf, portsOf, tcp } from "./records.ts";
import { createPods, installVariants, run, tools, variants } from "./world.ts";

let node: Node;
let outside: Outside;
beforeEach(async () => {
  node = await createNode();
  await installVariants(node);
  outside = await createOutside(node);
});
afterEach(async () => {
  await outside.dispose();
  await node.dispose();
});

describe.runIf(canRun(...tools)).each(variants)("traffic (%s)", (variant) => {
  const change = async (removed: readonly FilterRecord[], added: readonly FilterRecord[]) => {
    expect(await run(node, variant, { do: "change", removed, added, all: added })).toEqual([null]);
  };
  const seenFrom =
    (netns: string) =>
    (host: string, milliseconds = 3000) =>
      seenAddress(node, host, 7000, { netns, milliseconds });

  test("of a masqueraded pod has the node's address outside its own network and the exceptions", async () => {
    await createPods(node, {
      a: ["10.1.0.2", "fd00:1::2"],
      near: ["10.1.0.3", "fd00:1::3"],
      far: ["10.2.0.2", "fd00:2::2"],
      spared: ["10.3.0.2", "fd00:3::2"],
    });
    await startEcho(outside, 7000);
    for (const pod of ["near", "far", "spared"]) await startEcho(node, 7000, pod);
    const seen = seenFrom("a");
    // The outside has no route to the pod's own address.
    expect(await seen(outside.address4, 300)).toBeUndefined();
    const record = masqueradeOf("c1", ["10.1.0.2/24", "fd00:1::2/64"], ["10.3.0.0/16", "fd00:3::/48"]);
    await change([], [record]);
    expect(await seen(outside.address4)).toBe(outside.nodeAddress4);
    expect(await seen(outside.address6)).toBe(outside.nodeAddress6);
    expect(await seen("10.1.0.3")).toBe("10.1.0.2");
    expect(await seen("fd00:1::3")).toBe("fd00:1::2");
    expect(await seen("10.2.0.2")).toBe("169.254.1.1");
    expect(await seen("fd00:2::2")).not.toBe("fd00:1::2");
    expect(await seen("10.3.0.2")).toBe("10.1.0.2");
    expect(await seen("fd00:3::2")).toBe("fd00:1::2");
    // The other pod keeps its address.
    expect(await seenFrom("near")(outside.address4, 300)).toBeUndefined();
    await change([record], []);
    expect(await seen(outside.address4, 300)).toBeUndefined();
    expect(await seen("10.2.0.2")).toBe("10.1.0.2");
  });

  test("of two addresses of a family keeps each in its own network", async () => {
    await createPods(node, { a: ["10.1.0.2"], b: ["10.2.0.2"], c: ["10.2.0.3"] });
    await startEcho(outside, 7000);
    await startEcho(node, 7000, "c");
    await change([], [masqueradeOf("c1", ["10.1.0.2/24", "10.2.0.2/24"])]);
    for (const netns of ["a", "b"])
      expect(await seenFrom(netns)(outside.address4)).toBe(outside.nodeAddress4);
    expect(await seenFrom("b")("10.2.0.3")).toBe("10.2.0.2");
    expect(await seenFrom("a")("10.2.0.3")).toBe("169.254.1.1");
  });

  test("to host ports reaches the pod, by one address of the host before all of them", async () => {
    await createPods(node, { a: ["10.1.0.2", "fd00:1::2"], b: ["10.1.0.3"] });
    for (const [netns, port] of [
      ["a", 80],
      ["b", 81],
    ] as const)
      await startEcho(node, port, netns);
    const { nodeAddress4: address4, nodeAddress6: address6 } = outside;
    const hostIp = parseIp(address4);
    const a = portsOf(
      "a",
      ["10.1.0.2/24", "fd00:1::2/64"],
      [tcp(8080, 80), tcp(8080, 80, { family: 6 }), tcp(8081, 80)],
    );
    const b = portsOf("b", ["10.1.0.3/24"], hostIp === undefined ? [] : [tcp(8081, 81, { hostIp })]);
    await change([], [a, b]);
    const from = (where: Node | Outside, address: string, port: number, milliseconds = 3000) =>
      seenAddress(where, address, port, { milliseconds });
    expect(await from(outside, address4, 8080)).toBe(outside.address4);
    expect(await from(outside, address6, 8080)).toBe(outside.address6);
    expect(await from(node, address4, 8080)).toBeDefined();
    // The pod itself, by the host's port: its own source would not come back.
    expect(await seenAddress(node, address4, 8080, { netns: "a", milliseconds: 3000 })).toBe("169.254.1.1");
    // The mapping of all addresses leads to a closed port of the pod a.
    expect(await from(outside, address4, 8081)).toBe(outside.address4);
    await change([b], [a]);
    await change([a], []);
    expect(await from(outside, address4, 8080, 300)).toBeUndefined();
  });

  test("to host ports that have conditions reaches the pod only where they hold", async () => {
    await createPods(node, { a: ["10.1.0.2"], b: ["10.1.0.3"] });
    await startEcho(node, 80, "a");
    const more = { conditions: { 4: ["!", "-s", "10.1.0.3/32"], 6: [] }, masqAll: true };
    await change([], [portsOf("a", ["10.1.0.2/24"], [tcp(8080, 80)], more)]);
    const { nodeAddress4: address } = outside;
    expect(await seenAddress(outside, address, 8080, { milliseconds: 3000 })).toBe("169.254.1.1");
    expect(await seenAddress(node, address, 8080, { netns: "b", milliseconds: 300 })).toBeUndefined();
  });
});
