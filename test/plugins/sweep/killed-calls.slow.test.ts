/** Calls that are killed before any of their changes, as by the OOM killer or by a runtime that gives up. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { links } from "../attachment/kernel-state.ts";
import { changesOf, everyOther, sitesOf } from "./points.ts";
import { isLockRemoval } from "./sites.ts";
import { forEachStep, Stage } from "./stage.ts";
import { subjects } from "./subjects.ts";
import type { Step } from "./system-calls.ts";

const limit = 600_000;

/** A runtime gives the container of a failed ADD a DEL before its next ADD, unless it has died itself. */
const addAfresh = async (stage: Stage) => {
  const run = await stage.call("ADD");
  if (run.exitCode === 0) return run.json;
  // The killed one had come as far as the interface in the container.
  const names = (await links(stage.host.node, stage.pod.name)).map(({ ifname }) => ifname);
  expect(names, run.stdout).toContain(stage.pod.ifname);
  await stage.del();
  return stage.add();
};

/**
 * The ways in which a runtime clears up after a killed ADD. Each step meets two of them, one that knows the attachment and one
 * that does not: at every other step it is the first of its kind, and else the second. With PODWIRE_SWEEP=all each step meets all.
 */
const cures: [string, number, (stage: Stage) => Promise<void>][] = [
  ["DEL", 0, (stage) => stage.del()],
  ["DEL without the namespace", 1, (stage) => stage.del({ netns: "" })],
  ["GC", 1, (stage) => stage.gc()],
  [
    "ADD again and DEL",
    0,
    async (stage) => {
      await stage.check(await addAfresh(stage));
      await stage.del();
    },
  ],
];

/** Kills ADD at each step. A few come to their end: the kernel began fewer calls again this time. */
async function killEach(stage: Stage, steps: readonly Step[], clearUp: () => Promise<void>) {
  let missed = 0;
  await forEachStep(steps, async (step) => {
    const run = await stage.callWith("ADD", step, "signal=SIGKILL");
    if (run.exitCode === 0) missed++;
    else expect(run).toMatchObject({ signal: "SIGKILL", ...(isLockRemoval(step) ? {} : { stdout: "" }) });
    await clearUp();
    await stage.expectAsBefore();
  });
  expect(missed).toBeLessThanOrEqual(1 + steps.length / 10);
}

describe.each(subjects)("$name, killed before any of its changes", (subject) => {
  const { programs, isPossible = true, isInside = false } = subject;
  const runs = test.runIf(isPossible && canRun("strace", ...programs));

  runs.each(cures)(
    "ADD leaves nothing after %s",
    async (cure, start, clearUp) => {
      await using stage = await Stage.create(subject);
      const sites = sitesOf(changesOf(await stage.stepsOfAdd()), cure);
      await killEach(stage, everyOther(sites, start), async () => {
        await clearUp(stage);
        if (isInside) await stage.clearInside();
      });
    },
    limit,
  );

  runs(
    "DEL leaves nothing after the next DEL",
    async () => {
      await using stage = await Stage.create(subject);
      const steps = sitesOf(changesOf(await stage.stepsOfDel()), "DEL");
      await forEachStep(steps, async (step) => {
        await stage.add();
        await stage.callWith("DEL", step, "signal=SIGKILL");
        await stage.del();
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});
