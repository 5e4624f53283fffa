import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { expectErrorOrAttached, FaultStage, forEachStep } from "../attachment/fault-stage.ts";
import { everything } from "./everything.ts";
import { programs } from "./host.ts";

/** Those whose failure comes before or after a change; a failed look at something is tested elsewhere. */
const kinds = ["sendto", "recvfrom", "write", "vfork"];

const stepsOn = async (kind: string) => {
  await using stage = await FaultStage.create(everything);
  return (await stage.stepsOfAdd()).filter(({ syscall }) => syscall === kind);
};

describe.runIf(canRun("strace", ...programs))("the first ADD on a host, one system call failing", () => {
  test.each(kinds)(
    "leaves no bridge, no port, no address, no rule: each %s",
    async (kind) => {
      await forEachStep(await stepsOn(kind), async (step) => {
        await using stage = await FaultStage.create(everything);
        const run = await stage.callWith("ADD", step, "error=EIO");
        await expectErrorOrAttached(stage, run);
        // An ADD that succeeded, or only could not say so, leaves what DEL leaves: the bridge.
        if (run.exitCode !== 0 && !step.line.startsWith("write(1,"))
          await stage.expectNothingOfAnAttachment();
      });
    },
    300_000,
  );

  test("can be repeated after any of them", async () => {
    for (const step of (await stepsOn("sendto")).filter((_step, index) => index % 5 === 0)) {
      await using stage = await FaultStage.create(everything);
      const { host, pod, config } = stage;
      await stage.callWith("ADD", step, "error=EIO");
      const result = await host.add(pod, config);
      expect(result.ips[0].address).toMatch(/^10\.1\.0\.[23]\/24$/);
      await host.check(pod, config, result);
    }
  }, 300_000);
});
