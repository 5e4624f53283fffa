/** An ADD with other peers and another local address that is killed halfway: the next one repairs the overlay. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import type { Keys } from "../attachment/host.ts";
import { changesOf, sitesOf } from "../sweep/points.ts";
import { forEachStep, Stage } from "../sweep/stage.ts";
import { changes } from "../sweep/subjects.ts";
import { changedNetwork, network } from "./single-node.ts";
import { overlayOf, programs } from "./world.ts";

describe.runIf(canRun("strace", ...programs))("an ADD with other peers and another local address", () => {
  test.each([
    ["l2", changes[0]],
    ["l3", changes[1]],
  ] as const)(
    "killed before any of its messages is repaired by the next one (%s)",
    async (mode, subject) => {
      if (subject === undefined) throw new Error(`the table has no change in ${mode}`);
      const [former, later] = [network(mode, [2, 3]), changedNetwork(mode)];
      await using stage = await Stage.create(subject);
      const { host } = stage;
      const another = await host.pod("another");
      const overlayWith = async (config: Keys) => {
        const result = await host.add(another, config);
        await host.check(another, config, result);
        const overlay = await overlayOf(host.node);
        await host.del(another, config);
        return overlay;
      };
      const before = await overlayWith(former);
      const messages = (await stage.stepsOfAdd()).filter(({ syscall }) => syscall === "sendto");
      const steps = sitesOf(changesOf(messages), "change");
      expect(steps.length).toBeGreaterThan(0);
      const after = await overlayWith(later);
      expect(after).not.toEqual(before);
      expect(await overlayWith(former)).toEqual(before);
      await forEachStep(steps, async (step) => {
        const run = await stage.callWith("ADD", step, "signal=SIGKILL");
        if (run.exitCode !== 0) expect(run).toMatchObject({ signal: "SIGKILL", stdout: "" });
        await stage.del();
        expect(await overlayWith(later)).toEqual(after);
        expect(await overlayWith(former)).toEqual(before);
      });
    },
    300_000,
  );
});
