import { expect, test } from "vitest";
import { findPlugins } from "../../../scripts/bundle.ts";
import { subjects } from "./subjects.ts";

/** Plugins whose calls are swept by tests in their own folders. */
const elsewhere = ["portmap"];

test("every plugin takes part in the sweeps", () => {
  const swept = new Set([...subjects.map(({ plugin }) => plugin), ...elsewhere]);
  expect([...findPlugins().keys()].filter((name) => !swept.has(name))).toEqual([]);
});

test("the rows have different names", () => {
  const names = subjects.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
