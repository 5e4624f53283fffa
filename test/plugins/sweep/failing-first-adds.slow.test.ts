/** The first ADD on a host, each of whose system calls that come before or after a change fails once. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { sitesOf } from "./points.ts";
import { forEachStep, Stage } from "./stage.ts";
import { type Subject, subjects } from "./subjects.ts";

const limit = 600_000;
const kinds = ["sendto", "recvfrom", "write", "vfork"];

const withFirst = subjects.filter((subject): subject is Required<Subject> => subject.first !== undefined);

/** The steps, and the state of a new host. */
const stepsOf = async (subject: Required<Subject>) => {
  await using stage = await Stage.create(subject, { prepare: subject.first.prepare });
  const { before } = stage;
  return { before, steps: (await stage.stepsOfAdd()).filter(({ syscall }) => kinds.includes(syscall)) };
};

describe.each(withFirst)("$name, the first ADD on a host, one system call failing", (subject) => {
  const { programs, first, isPossible = true } = subject;
  const runs = test.runIf(isPossible && canRun("strace", ...programs));

  runs(
    "leaves no link, no address, no route, no rule of the container",
    async () => {
      const { steps: all, before } = await stepsOf(subject);
      const steps = sitesOf(all, "first ADD");
      expect(steps.length).toBeGreaterThan(0);
      await forEachStep(steps, async (step) => {
        await using stage = await Stage.create(subject, { prepare: first.prepare, before });
        const run = await stage.callWith("ADD", step, "error=EIO");
        await stage.expectErrorOrAttached(run);
        // An ADD that succeeded, or only could not say so, leaves what DEL leaves.
        const mayStay = run.exitCode === 0 || step.line.startsWith("write(1,");
        await stage.expectNothingOfAnAttachment(mayStay ? first.staying : []);
      });
    },
    limit,
  );

  runs(
    "can be repeated after any of them",
    async () => {
      const { steps, before } = await stepsOf(subject);
      const sent = steps.filter(({ syscall }) => syscall === "sendto");
      const chosen = sitesOf(sent, "first ADD again").filter((_step, index) => index % 5 === 0);
      await forEachStep(chosen, async (step) => {
        await using stage = await Stage.create(subject, { prepare: first.prepare, before });
        await stage.callWith("ADD", step, "error=EIO");
        const result = await stage.add();
        expect(result.ips[0].address).toMatch(/^10\.1\.0\.[23]\/\d+$/);
        await stage.check(result);
      });
    },
    limit,
  );
});
