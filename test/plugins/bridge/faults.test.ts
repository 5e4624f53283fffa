import { describe, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import {
  expectErrorOrAttached,
  expectErrorOrSuccess,
  FaultStage,
  forEachStep,
  withNeighbour,
} from "../attachment/fault-stage.ts";
import { everything } from "./everything.ts";
import { programs } from "./host.ts";

const limit = 300_000;

/** The kinds of system calls that have a test each; the rest of them are together in one. */
const kinds = ["sendto", "recvfrom", "openat", "write", "read", "statx", "socket", "setns", "close"];
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
