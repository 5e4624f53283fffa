/** What each plugin and verb costs, held to scripts/costs/budget.json: counts, which are the same on every machine, or nearly. */
import { describe, expect, test } from "vitest";
import { type Budget, excessOf, readBudget } from "../scripts/costs/budget.ts";
import { type Counts, countImage, countSubject, verbs } from "../scripts/costs/measure.ts";
import { subjects } from "../scripts/costs/subjects.ts";
import { findPluginFolders, type PluginFolder, scenariosOf } from "../scripts/plugins.ts";
import { canRun } from "./helpers/index.ts";

const budget = readBudget();
const onPurpose = "where it is worth its price, `npm run costs -- --update` makes it the budget";

/** What is above its budget when only this is counted. */
const excess = (counted: Partial<Budget>) => excessOf({ image: 0, calls: {}, ...counted }, budget);

describe("the budget", () => {
  test("has every verb of every plugin", () => {
    const isCounted = (plugin: PluginFolder) => scenariosOf(plugin) === undefined;
    const counted = findPluginFolders().filter(isCounted);
    const names = counted.map(({ name }) => name).sort();
    expect(Object.keys(budget.calls).sort()).toEqual(names);
    expect(subjects.map(({ plugin }) => plugin).sort()).toEqual(names);
    for (const calls of Object.values(budget.calls))
      expect(Object.keys(calls).sort()).toEqual([...verbs].sort());
  });

  test("is exceeded by more than its margin, and by a call that has none", () => {
    const [plugin = "", calls = {}] = Object.entries(budget.calls)[0] ?? [];
    const { faults = 0, memory = 0 } = calls.ADD ?? {};
    const counted = (ADD: Counts["ADD"]) => excess({ calls: { [plugin]: { ADD } as Counts } });
    expect(counted({ faults, memory })).toEqual([]);
    expect(counted({ faults: Math.ceil(faults * 1.1) + 32, memory })).toHaveLength(1);
    expect(counted({ faults, memory: Math.ceil(memory * 1.1) + 256 })).toHaveLength(1);
    expect(excess({ calls: { unknown: { ADD: { faults: 1, memory: 1 } } } })).toHaveLength(2);
  });

  test("holds for the heap image", () => expect(excess({ image: countImage() }), onPurpose).toEqual([]));
});

describe.runIf(canRun("ip", "unshare", "nsenter"))("the budget holds for page faults and memory of", () => {
  test.each(subjects.map((subject) => [subject.plugin, subject] as const))("%s", async (plugin, subject) => {
    const counts = await countSubject(subject);
    expect(Object.keys(counts).sort()).toEqual([...verbs].sort());
    expect(excess({ calls: { [plugin]: counts } }), onPurpose).toEqual([]);
  });
});
