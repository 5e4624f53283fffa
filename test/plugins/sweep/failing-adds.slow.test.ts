/** ADD, each of whose system calls fails once. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { changesOf, sitesOf } from "./points.ts";
import { forEachStep, Stage } from "./stage.ts";
import { changes, isTried, subjects } from "./subjects.ts";
import type { Step } from "./system-calls.ts";

const limit = 600_000;

/** Fails each of the steps of ADD, and returns how many of the ADDs failed by it. */
async function failEach(stage: Stage, steps: readonly Step[], isInside: boolean): Promise<number> {
  let failures = 0;
  expect(steps.length).toBeGreaterThan(0);
  await forEachStep(steps, async (step) => {
    const run = await stage.callWith("ADD", step, "error=EIO");
    if (run.exitCode !== 0) failures++;
    await stage.expectErrorOrAttached(run);
    if (isInside) await stage.del();
    await stage.expectAsBefore();
  });
  return failures;
}

describe.each([...subjects, ...changes])("$name, one system call failing", (subject) => {
  const { programs, name, isPossible = true, isInside = false } = subject;
  const runs = test.runIf(isPossible && canRun("strace", ...programs));

  runs(
    "ADD beside others leaves host, container and store as they were",
    async () => {
      await using stage = await Stage.create(subject);
      const steps = (await stage.stepsOfAdd()).filter(isTried(subject));
      // What changes the network of others is undone in each of these rows in its own way.
      const own = changes.includes(subject) ? sitesOf(changesOf(steps), "changes of ADD") : [];
      const sites = new Set([...sitesOf(steps, "ADD"), ...own]);
      const chosen = steps.filter((step) => sites.has(step));
      expect(await failEach(stage, chosen, isInside), name).toBeGreaterThan(0);
    },
    limit,
  );
});
