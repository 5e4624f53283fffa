/** DEL, each of whose system calls fails once. */
import { describe, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { sitesOf } from "./points.ts";
import { isLockRemoval } from "./sites.ts";
import { expectErrorOrSuccess, forEachStep, Stage } from "./stage.ts";
import { isTried, subjects } from "./subjects.ts";

const limit = 600_000;

describe.each(subjects)("$name, one system call failing", (subject) => {
  const { programs, isPossible = true, isInside = false } = subject;

  test.runIf(isPossible && canRun("strace", ...programs))(
    "DEL says so, or has left nothing; and the next DEL leaves nothing",
    async () => {
      await using stage = await Stage.create(subject);
      const steps = sitesOf((await stage.stepsOfDel()).filter(isTried(subject)), "DEL");
      await forEachStep(steps, async (step) => {
        await stage.add();
        const run = await stage.callWith("DEL", step, "error=EIO");
        expectErrorOrSuccess(run);
        // A lock's file that cannot be removed stays, empty, until the next call for the attachment, or GC.
        if (run.exitCode !== 0 || isInside || isLockRemoval(step)) await stage.del();
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});
