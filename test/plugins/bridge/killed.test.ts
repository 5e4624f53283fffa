import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { FaultStage, forEachStep, withNeighbour } from "../attachment/fault-stage.ts";
import type { Step } from "../attachment/system-calls.ts";
import { links } from "../attachment/witness.ts";
import { everything } from "./everything.ts";
import { type Host, type Pod, programs } from "./host.ts";

const limit = 300_000;

/** The calls that change something: a kill between two of them is a kill at the second. */
const changing = ["sendto", "write", "renameat2", "openat", "mkdir", "ftruncate", "unlink"];

const neighbour = { containerId: "id-neighbour", ifname: "eth0" };

/** The ways a runtime gets rid of what a killed ADD left; each is tried at every, or every third step. */
const cures: [string, number, (stage: FaultStage) => Promise<void>][] = [
  ["DEL", 1, ({ host, pod, config }) => host.del(pod, config)],
  ["DEL without the namespace", 3, ({ host, pod, config }) => host.del({ ...pod, netns: "" }, config)],
  ["GC", 1, ({ host, pod, config }) => host.gc(config, [{ ...pod, ...neighbour }])],
  [
    "ADD again and DEL",
    3,
    async ({ host, pod, config }) => {
      await host.check(pod, config, await addAfresh(host, pod, config));
      await host.del(pod, config);
    },
  ],
];

/** A runtime gives the container of a failed ADD a DEL before its next ADD, unless it has died itself. */
const addAfresh = async (host: Host, pod: Pod, config: FaultStage["config"]) => {
  const run = await host.call("ADD", pod, config);
  if (run.exitCode === 0) return run.json;
  // The killed one had come as far as the interface in the container.
  expect((await links(host.node, pod.name)).map(({ ifname }) => ifname)).toContain(pod.ifname);
  await host.del(pod, config);
  return host.add(pod, config);
};

/** Kills ADD at a step. Returns false if it has come to its end: the kernel began fewer calls again this time. */
const kill = async (stage: FaultStage, step: Step): Promise<boolean> => {
  const run = await stage.callWith("ADD", step, "signal=SIGKILL");
  if (run.exitCode === 0) return false;
  expect(run).toMatchObject({ signal: "SIGKILL", stdout: "" });
  return true;
};

describe.runIf(canRun("strace", ...programs))("ADD that is killed at any of its system calls", () => {
  test.each(cures)(
    "leaves nothing after %s",
    async (_cure, stride, heal) => {
      await using stage = await FaultStage.create(everything, withNeighbour(everything));
      const steps = (await stage.stepsOfAdd()).filter(({ syscall }) => changing.includes(syscall));
      const chosen = steps.filter((_step, index) => index % stride === 0);
      let kills = 0;
      await forEachStep(chosen, async (step) => {
        if (await kill(stage, step)) kills++;
        await heal(stage);
        await stage.expectAsBefore();
      });
      expect(kills).toBeGreaterThan(0.9 * chosen.length);
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...programs))("DEL that is killed at any of its system calls", () => {
  test(
    "leaves nothing after the next DEL",
    async () => {
      await using stage = await FaultStage.create(everything, withNeighbour(everything));
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
