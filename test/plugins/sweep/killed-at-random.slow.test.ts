/** ADDs that are killed at random moments, several at a time. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import { inLanes, makePods } from "../attachment/concurrent.ts";
import type { Pod } from "../attachment/host.ts";
import { containerState } from "../attachment/kernel-state.ts";
import { Stage } from "./stage.ts";
import { keptOverlays, subjects } from "./subjects.ts";

const count = sweepSize({ spread: 40, all: 200 });

/** Starts an ADD for each container, four at a time, and kills each at a random moment. Some come to their end before. */
const killAtRandom = async (stage: Stage, pods: readonly Pod[]): Promise<void> => {
  let killed = 0;
  // How long an ADD takes here and now, in milliseconds: the last one that came to its end says so, and
  // kills make the next guess longer, so that they come at all moments whatever else the machine does.
  let duration = 100;
  await inLanes(pods, 4, async (pod) => {
    const begin = performance.now();
    await using running = stage.start("ADD", pod);
    await Promise.race([running.ended, sleep(Math.random() * duration)]);
    if ((await running.stop("SIGKILL")).signal === "SIGKILL") {
      killed++;
      duration *= 1.2;
    } else duration = performance.now() - begin;
  });
  expect(killed).toBeGreaterThan(pods.length / 10);
};

/** GC takes nothing out of a namespace that lives: it does not know such interfaces, and their addresses stay theirs. */
const rows = [...subjects, ...keptOverlays].filter(
  ({ makesInterface = false, isInside = false, isExclusive = false }) =>
    makesInterface && !isInside && !isExclusive,
);

describe.each(rows)("$name, many ADDs killed at random moments", (subject) => {
  const { programs, isPossible = true } = subject;

  test.runIf(isPossible && canRun("strace", ...programs))(
    "leave nothing after DEL for half of them and GC for the rest, and harm no other container",
    async () => {
      await using stage = await Stage.create(subject);
      const { node } = stage.host;
      // GC also removes the rules that no attachment needs any more, as after the warm-up of a host.
      await stage.gc();
      const before = await stage.state();
      const pods = await makePods(stage.host, count);
      const untouched = await containerState(node, "pod0");
      await killAtRandom(stage, pods);
      await inLanes(pods.slice(0, count / 2), 4, (pod) => stage.del(pod));
      await stage.gc();
      // A child of a killed ADD, such as iptables-restore, may take its time to end.
      await expect.poll(() => stage.state(), { timeout: 20_000, interval: 500 }).toEqual(before);
      await stage.checkKept();
      for (const { name } of pods) expect(await containerState(node, name)).toEqual(untouched);
    },
    300_000,
  );
});
