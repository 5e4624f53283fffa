import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import {
  expectErrorOrAttached,
  expectErrorOrSuccess,
  FaultStage,
  forEachStep,
  withNeighbour,
} from "../attachment/fault-stage.ts";
import { everything, programs } from "./host.ts";

const limit = 300_000;

/** The kinds of system calls that have a test each; the rest of them are together in one. */
const kinds = ["sendto", "recvfrom", "openat", "write", "read"];
const ofKind = (kind: string) => (step: { syscall: string }) =>
  kinds.includes(kind) ? step.syscall === kind : !kinds.includes(step.syscall);

describe.runIf(canRun("strace", ...programs))(
  "ADD beside another attachment, one system call failing",
  () => {
    test.each([...kinds, "any other"])(
      "leaves host, container and store as they were: each %s",
      async (kind) => {
        await using stage = await FaultStage.create(everything, withNeighbour(everything));
        await forEachStep((await stage.stepsOfAdd()).filter(ofKind(kind)), async (step) => {
          await expectErrorOrAttached(stage, await stage.callWith("ADD", step, "error=EIO"));
          await stage.expectAsBefore();
        });
      },
      limit,
    );
  },
);

describe.runIf(canRun("strace", ...programs))("the first ADD on a host, one system call failing", () => {
  test.each(["sendto", "write", "vfork"])(
    "leaves no link, no address, no route, no rule of the container: each %s",
    async (kind) => {
      await using first = await FaultStage.create(everything);
      const steps = (await first.stepsOfAdd()).filter(({ syscall }) => syscall === kind);
      await forEachStep(steps, async (step) => {
        await using stage = await FaultStage.create(everything);
        const run = await stage.callWith("ADD", step, "error=EIO");
        await expectErrorOrAttached(stage, run);
        await stage.expectNothingOfAnAttachment();
      });
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...programs))("DEL, one system call failing", () => {
  test(
    "says so, or has left nothing; and the next DEL leaves nothing",
    async () => {
      await using stage = await FaultStage.create(everything, withNeighbour(everything));
      await forEachStep(await stage.stepsOfDel(), async (step) => {
        await stage.host.add(stage.pod, stage.config);
        const run = await stage.callWith("DEL", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode !== 0) await stage.host.del(stage.pod, stage.config);
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...programs))("ADD", () => {
  test("needs few questions to the kernel", async () => {
    await using stage = await FaultStage.create(everything, withNeighbour(everything));
    const steps = await stage.stepsOfAdd();
    expect(steps.filter(({ syscall }) => syscall === "sendto").length).toBeLessThanOrEqual(16);
  });
});
