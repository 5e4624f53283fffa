/**
 * Counts the cost of each plugin and verb, and prints it beside its budget (scripts/costs/budget.json). Without root
 * it counts only what needs no network namespaces.
 *
 * node --import tsx scripts/costs.ts [--update]
 *
 * --update makes the current counts the budget.
 */
import { parseArgs } from "node:util";
import { findPlugins } from "./bundle.ts";
import { type Budget, excessOf, readBudget, writeBudget } from "./costs/budget.ts";
import { type Counts, countImage, countSubject, countVersions } from "./costs/measure.ts";
import { reportCosts } from "./costs/report.ts";
import { subjects } from "./costs/subjects.ts";

const { values } = parseArgs({ options: { update: { type: "boolean", default: false } } });

interface Counted {
  readonly calls: Readonly<Record<string, Counts>>;
  /** The reasons for missing figures. */
  readonly missing: readonly string[];
}

async function countVersionsOnly(reason: string): Promise<Counted> {
  const names = [...findPlugins().keys()];
  const counts = await countVersions(names);
  const calls = Object.fromEntries(names.map((name, index) => [name, counts[index] ?? {}]));
  return { calls, missing: [`only VERSION: ${reason}`] };
}

async function countAll(): Promise<Counted> {
  const calls: Record<string, Counts> = {};
  for (const subject of subjects) calls[subject.plugin] = await countSubject(subject);
  return { calls, missing: [] };
}

async function count(): Promise<Counted> {
  if (process.getuid?.() !== 0) return countVersionsOnly("network namespaces need root");
  try {
    return await countAll();
  } catch (error) {
    if (values.update) throw error;
    return countVersionsOnly(error instanceof Error ? error.message : String(error));
  }
}

const { calls, missing } = await count();
const counted: Budget = { image: countImage(), calls };
console.log(reportCosts(counted, missing));
if (values.update && missing.length > 0) throw new Error(`the budget stays as it is: ${missing.join("; ")}`);
if (values.update) writeBudget(counted);
else for (const line of excessOf(counted, readBudget())) console.log(`over budget: ${line}`);
