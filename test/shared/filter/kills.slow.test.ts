/** Calls that fail or are killed at one of their system calls: there are never rules without a record. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { changesOf, sitesOf } from "../../plugins/sweep/points.ts";
import { forEachStep } from "../../plugins/sweep/stage.ts";
import { removalOf, Stage } from "./kill-stage.ts";
import { type Operation, owner, tools, type WantedText, ways } from "./world.ts";

const limit = 600_000;
/** A call of each kind, and the calls before it. */
interface Scenario {
  readonly name: string;
  /** Owners whose records another program has deleted. */
  readonly withoutRecord?: readonly string[];
  /** Whether another program has taken away what only the next ADD brings back. */
  readonly isDamaged?: boolean;
  readonly before: (stage: Stage) => Promise<void>;
  readonly call: (stage: Stage, index: number) => Operation;
}

const apply = (stage: Stage, index: number): Operation => ({
  verb: "apply",
  wanted: stage.pod[index] as WantedText,
});
/** Of an interface, and of host ports. */
const kinds = [0, 1];

const scenarios: Scenario[] = [
  { name: "ADD", before: async () => {}, call: apply },
  { name: "a repeated ADD", before: (stage) => stage.make(stage.applications), call: apply },
  {
    name: "DEL",
    before: (stage) => stage.make(stage.applications),
    call: (stage, index) => removalOf(stage.pod[index] as WantedText),
  },
  {
    name: "an ADD that repairs",
    isDamaged: true,
    before: async ({ node }) => void (await node.exec("nft", ["flush", "ruleset"])),
    call: apply,
  },
  {
    name: "an ADD that recovers deleted records",
    withoutRecord: ["neighbour"],
    isDamaged: true,
    before: async ({ node }) => void (await node.exec("rm", ["-r", "/run/podwire"])),
    call: apply,
  },
  {
    name: "GC",
    before: (stage) => stage.make(stage.applications),
    call: (_, index) => ({
      verb: "collect",
      network: "net",
      keep: [owner("neighbour")],
      kind: index === 0 ? "interface" : "portmap",
    }),
  },
];

describe.runIf(canRun("strace", ...tools)).each(ways)("a call that is killed ($how)", (way) => {
  test.each(scenarios)(
    "leaves no rules without a record, and nothing after DEL: $name",
    async ({ name, before, call, withoutRecord = [], isDamaged = false }) => {
      await using stage = await Stage.create(way);
      const { state: clean } = await stage.state();
      const cure = isDamaged ? [...stage.removals, ...stage.applications, ...stage.removals] : stage.removals;
      for (const index of kinds) {
        await before(stage);
        const steps = sitesOf(changesOf(await stage.steps(call(stage, index))), name);
        await stage.make(cure);
        let kills = 0;
        await forEachStep(steps, async (step) => {
          await before(stage);
          if ((await stage.call(call(stage, index), step, "signal=SIGKILL")) === undefined) kills++;
          for (const each of (await stage.state()).withoutRecord) expect(withoutRecord).toContain(each);
          await stage.make([...cure, ...stage.neighbourChecks]);
          expect((await stage.state()).state).toEqual(clean);
        });
        // The kernel may begin fewer calls again than the time before.
        expect(kills).toBeGreaterThan(0.9 * steps.length - 1);
      }
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...tools)).each(ways)("a system call that fails ($how)", (way) => {
  test(
    "in ADD leaves nothing of the attachment, or the attachment is whole",
    async () => {
      await using stage = await Stage.create(way);
      const { state: clean } = await stage.state();
      for (const index of kinds) {
        const operation = apply(stage, index);
        // Linux closes a descriptor whatever close(2) returns; strace's error leaves it open.
        const fallible = (await stage.steps(operation)).filter(({ syscall }) => syscall !== "close");
        const steps = sitesOf(fallible, "an ADD that fails");
        await stage.make(stage.removals);
        await forEachStep(steps, async (step) => {
          const outcome = await stage.call(operation, step, "error=EIO");
          if (outcome === null) {
            const wanted = stage.pod[index] as WantedText;
            await stage.make([{ verb: "check", wanted }, removalOf(wanted)]);
          } else {
            expect(outcome).toMatchObject({ message: expect.stringMatching(/./) });
          }
          const { state, withoutRecord } = await stage.state();
          expect(withoutRecord).toEqual([]);
          expect(state).toEqual(clean);
          await stage.make(stage.neighbourChecks);
        });
      }
    },
    limit,
  );
});
