/** Calls that die at any of their system calls, as under an OOM killer or a runtime that gives up. */
import { describe, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { FaultStage, forEachStep, withNeighbour } from "./fault-stage.ts";
import type { Keys } from "./host.ts";
import { changing, cures, killAndHeal } from "./kills.ts";

const limit = 300_000;

/** `config` should have a plugin take every kind of step; `programs` are those that its tests need. */
export const testKilledCalls = (config: Keys, programs: readonly string[]): void => {
  describe.runIf(canRun("strace", ...programs))("ADD that is killed at any of its system calls", () => {
    test.each(cures)(
      "leaves nothing after %s",
      async (_cure, stride, heal) => {
        await using stage = await FaultStage.create(config, withNeighbour(config));
        await killAndHeal(stage, stride, heal);
      },
      limit,
    );
  });

  describe.runIf(canRun("strace", ...programs))("DEL that is killed at any of its system calls", () => {
    test(
      "leaves nothing after the next DEL",
      async () => {
        await using stage = await FaultStage.create(config, withNeighbour(config));
        const steps = (await stage.stepsOfDel()).filter(({ syscall }) => changing.includes(syscall));
        await forEachStep(steps, async (step) => {
          await stage.host.add(stage.pod, stage.config);
          await stage.callWith("DEL", step, "signal=SIGKILL");
          await stage.host.del(stage.pod, stage.config);
          await stage.expectAsBefore();
        });
      },
      limit,
    );
  });
};
