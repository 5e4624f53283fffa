/** Two ADDs of one container and interface at once: one of them attaches it, the other is refused and disturbs nothing. */
import { describe, expect, test } from "vitest";
import { canRun, type PluginRun } from "../../helpers/index.ts";
import { sweepSize } from "../../helpers/sweep.ts";
import { failed, succeeded } from "../attachment/host.ts";
import { containerState, reservations } from "../attachment/kernel-state.ts";
import { countReservations, isOnItsWay, moments, stepAt } from "./moments.ts";
import { Stage } from "./stage.ts";
import { keptOverlays, type Subject, subjects } from "./subjects.ts";

const rounds = sweepSize({ spread: 10, all: 25 });

/** Expects one success and one refusal, and the attachment of the former to be whole. */
async function expectOne(stage: Stage, runs: readonly PluginRun[], total: number) {
  const { node } = stage.host;
  const winners = runs.filter(({ exitCode }) => exitCode === 0);
  expect(winners, runs.map(({ stdout }) => stdout).join("\n")).toHaveLength(1);
  for (const run of runs) if (!winners.includes(run)) failed(run, 4, /eth0.*already exists/);
  const { ips } = succeeded(winners[0] as PluginRun).json;
  await stage.check(winners[0]?.json);
  const inside = (await containerState(node, stage.pod.name)).join("\n");
  for (const { address } of ips) expect(inside).toContain(address);
  const reserved = await reservations(node);
  expect(reserved).toHaveLength(total);
  for (const { address } of ips) expect(reserved).toContain(address.replace(/\/.*/, ""));
}

// Not two first ADDs of an overlay: the refused one takes the overlay along that both began to make.
const isPair = ({ makesInterface = false, plugin }: Subject) => makesInterface && plugin !== "vxlan";

describe.each([...subjects.filter(isPair), ...keptOverlays])(
  "$name, two ADDs of one container and interface at once",
  (subject) => {
    const { programs, isPossible = true } = subject;
    const runs = test.runIf(isPossible && canRun("strace", ...programs));

    runs(
      "attach it once, and the other is refused, time after time",
      async () => {
        await using stage = await Stage.create(subject);
        const total = await countReservations(stage);
        for (let round = 0; round < rounds; round++) {
          await expectOne(stage, await Promise.all([stage.call("ADD"), stage.call("ADD")]), total);
          await stage.del();
          await stage.expectAsBefore();
        }
      },
      300_000,
    );

    // Side by side: most of their time is the delay.
    runs.concurrent.for(moments)(
      "the first held up %s: the second is refused, and disturbs nothing",
      { timeout: 120_000 },
      async (moment, { expect: expectHere }) => {
        await using stage = await Stage.create(subject);
        const total = await countReservations(stage);
        const step = stepAt(await stage.stepsOfAdd(), moment);
        // strace(1) takes microseconds.
        const first = stage.callWith("ADD", step, "delay_enter=2000000");
        const isHeldUp = () => isOnItsWay(stage, moment, total);
        await expectHere.poll(isHeldUp, { interval: 10, timeout: 20_000 }).toBe(true);
        const ended = await Promise.all([first, stage.call("ADD")]);
        expect(ended[0].exitCode, ended[0].stdout).toBe(0);
        await expectOne(stage, ended, total);
        await stage.del();
        await stage.expectAsBefore();
      },
    );
  },
);
