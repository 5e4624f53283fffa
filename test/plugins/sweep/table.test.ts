import { expect, test } from "vitest";
import { findPlugins } from "../../../scripts/bundle.ts";
import { subjects } from "./subjects.ts";

/**
 * Interfaces of these kinds exist in the virtual machine alone, where strace(1) takes too long: macvlan has their code. static changes
 * nothing on a node.
 */
const exempt = ["dummy", "ipvlan", "static", "vlan", "vrf"];

test("every plugin takes part in the sweeps", () => {
  const swept = new Set([...subjects.map(({ plugin }) => plugin), ...exempt]);
  expect([...findPlugins().keys()].filter((name) => !swept.has(name))).toEqual([]);
});

test("the rows have different names", () => {
  const names = subjects.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
