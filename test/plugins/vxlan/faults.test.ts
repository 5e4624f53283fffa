/** An ADD that fails at any of its system calls leaves pod, device and peers as they were. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import {
  expectErrorOrAttached,
  expectErrorOrSuccess,
  FaultStage,
  forEachStep,
} from "../attachment/fault-stage.ts";
import type { Step } from "../attachment/system-calls.ts";
import { changedNetwork, makeUnderlay, network, stateOf } from "./stage.ts";
import { programs } from "./world.ts";

const limit = 300_000;
const canRunAll = canRun("strace", ...programs);

const modes = ["l2", "l3"] as const;
/** Kinds of system calls, and how many of them are tried: all, or every second or third one. The rest is together. */
const kinds: readonly [string, number][] = [
  ["sendto", 1],
  ["recvfrom", 2],
  ["openat", 1],
  ["any other", 3],
];
const cases = modes.flatMap((mode) => kinds.map((kind) => [mode, ...kind] as const));

/**
 * Not close: kept from happening, it keeps the lock on the file, and no kernel does that, whatever close returns. Not
 * the result either: all is done by then, and the runner detaches the pod.
 */
const isTried = ({ syscall, line }: Step) => syscall !== "close" && !line.startsWith("write(1,");

function chosen(steps: readonly Step[], kind: string, stride: number): Step[] {
  const named = kinds.map(([name]) => name);
  return steps
    .filter((step) => isTried(step))
    .filter(({ syscall }) => (kind === "any other" ? !named.includes(syscall) : syscall === kind))
    .filter((_, index) => index % stride === 0);
}

describe.runIf(canRunAll)("the first ADD, one system call failing", () => {
  test.each(cases)(
    "leaves nothing of a new overlay (%s): each %s",
    async (mode, kind, stride) => {
      const config = network(mode, [2, 3], { keepDevice: false });
      await using stage = await FaultStage.create(config, async (host) => {
        await makeUnderlay(host);
        await host.warmUp(config);
      });
      await forEachStep(chosen(await stage.stepsOfAdd(), kind, stride), async (step) => {
        await expectErrorOrAttached(stage, await stage.callWith("ADD", step, "error=EIO"));
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});

describe.runIf(canRunAll)(
  "an ADD with other peers and another local address, one system call failing",
  () => {
    test.each(cases)(
      "leaves the overlay as it was (%s): each %s",
      async (mode, kind, stride) => {
        const former = network(mode, [2, 3]);
        await using stage = await FaultStage.create(changedNetwork(mode), async (host) => {
          await makeUnderlay(host);
          await host.add(await host.pod("neighbour"), former);
        });
        const { host } = stage;
        const restore = async () => {
          const other = await host.pod("other");
          await host.add(other, former);
          await host.del(other, former);
          await host.node.deleteNetns("other");
        };
        const steps = chosen(await stage.stepsOfAdd(), kind, stride);
        await restore();
        let failures = 0;
        await forEachStep(steps, async (step) => {
          const before = await stateOf(stage);
          const run = await stage.callWith("ADD", step, "error=EIO");
          if (run.exitCode !== 0) {
            failures++;
            expectErrorOrSuccess(run);
            expect(await stateOf(stage)).toEqual(before);
            return;
          }
          await expectErrorOrAttached(stage, run);
          await restore();
        });
        expect(failures).toBeGreaterThan(0);
      },
      limit,
    );
  },
);

describe.runIf(canRunAll)("the last DEL, one system call failing", () => {
  test.each(modes)(
    "says so, or has left nothing of the overlay; and the next DEL leaves nothing (%s)",
    async (mode) => {
      const config = network(mode, [2, 3], { keepDevice: false });
      await using stage = await FaultStage.create(config, async (host) => {
        await makeUnderlay(host);
        await host.warmUp(config);
      });
      const steps = (await stage.stepsOfDel()).filter(isTried).filter((_, index) => index % 2 === 0);
      await forEachStep(steps, async (step) => {
        await stage.host.add(stage.pod, config);
        const run = await stage.callWith("DEL", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode !== 0) await stage.host.del(stage.pod, config);
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});
