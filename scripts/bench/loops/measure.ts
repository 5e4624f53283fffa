/** The cost of calls with lists of growing length. */
import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { builtPlugin } from "../../../test/helpers/index.ts";
import { createUnderlay, type Member } from "../../../test/helpers/underlay.ts";
import { evaluator, type ModuleScript, writeMain } from "../../module.ts";
import type { Cost } from "../protocol.ts";
import type { LoopCost, LoopSetup } from "./protocol.ts";
import type { LoopSubject } from "./subjects.ts";

/** The costs of one call: for each count of the subject, one cost per round. */
export interface LoopFigure {
  readonly figure: string;
  readonly costs: readonly (readonly Cost[])[];
}

export interface MeasuredLoop {
  readonly subject: LoopSubject;
  readonly figures: readonly LoopFigure[];
}

/** Makes all calls on a new node. */
async function measureOnce(worker: ModuleScript, subject: LoopSubject, count: number): Promise<LoopCost[]> {
  // Overlays need an underlay; other subjects ignore it.
  await using underlay = await createUnderlay(1);
  const node = underlay.members[0] as Member;
  const netns = await node.addNetns("pod");
  subject.prepare?.(node, count);
  const setup: LoopSetup = { folder: dirname(builtPlugin("vxlan")), netns, calls: subject.calls(count) };
  const file = "/run/bench-setup.json";
  writeFileSync(node.path(file), JSON.stringify(setup));
  return await node.execJson<LoopCost[]>(evaluator, [...worker.words, file], { timeout: 300_000 });
}

/** Measures a subject with all counts in each round. */
export async function measureLoop(subject: LoopSubject, rounds: number): Promise<MeasuredLoop> {
  await using worker = await writeMain("scripts/bench/loops/worker.ts");
  const byFigure = new Map<string, Cost[][]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, count] of subject.counts.entries()) {
      for (const { figure, cost } of await measureOnce(worker, subject, count)) {
        const costs = byFigure.get(figure) ?? subject.counts.map((): Cost[] => []);
        costs[index]?.push(cost);
        byFigure.set(figure, costs);
      }
    }
  }
  return { subject, figures: [...byFigure].map(([figure, costs]) => ({ figure, costs })) };
}
