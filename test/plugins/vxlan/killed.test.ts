/** An ADD that is killed half-way: the next one repairs, and DEL or GC leave nothing of it. */
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/crowd.ts";
import { FaultStage, forEachStep } from "../attachment/fault-stage.ts";
import { Host, type Keys } from "../attachment/host.ts";
import { cures, kill, killAndHeal, killAtRandom } from "../attachment/kills.ts";
import { containerState, hostState } from "../attachment/witness.ts";
import { changedNetwork, makeUnderlay, network } from "./stage.ts";
import { overlayOf, programs } from "./world.ts";

const limit = 300_000;
const modes = ["l2", "l3"] as const;

describe.runIf(canRun("strace", ...programs))("the first ADD, killed at any of its system calls", () => {
  test.each(modes.flatMap((mode) => cures.map((cure) => [mode, ...cure] as const)))(
    "leaves nothing (%s) after %s",
    async (mode, _cure, stride, heal) => {
      const config = network(mode, [2, 3], { keepDevice: false });
      await using stage = await FaultStage.create(config, async (host) => {
        await makeUnderlay(host);
        await host.warmUp(config);
      });
      await killAndHeal(stage, stride, heal);
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...programs))("an ADD with other peers and another local address", () => {
  test.each(modes)(
    "killed at every third of its messages is repaired by the next one (%s)",
    async (mode) => {
      const former = network(mode, [2, 3]);
      const later = changedNetwork(mode);
      await using stage = await FaultStage.create(later, async (host) => {
        await makeUnderlay(host);
        await host.add(await host.pod("neighbour"), former);
      });
      const { host, pod } = stage;
      const other = await host.pod("other");
      const bring = async (config: Keys) => {
        const result = await host.add(other, config);
        await host.check(other, config, result);
        const overlay = await overlayOf(host.node);
        await host.del(other, config);
        return overlay;
      };
      const before = await bring(former);
      const messages = (await stage.stepsOfAdd()).filter(({ syscall }) => syscall === "sendto");
      const steps = messages.filter((_, index) => index % 3 === 0);
      const after = await bring(later);
      expect(after).not.toEqual(before);
      expect(await bring(former)).toEqual(before);
      await forEachStep(steps, async (step) => {
        await kill(stage, step);
        await host.del(pod, later);
        expect(await bring(later)).toEqual(after);
        expect(await bring(former)).toEqual(before);
      });
    },
    limit,
  );
});

const count = 60;
describe.runIf(canRun(...programs))(`${count} ADDs killed at random moments`, () => {
  test.each([
    ["l2", false],
    ["l3", false],
    ["l3", true],
  ] as const)(
    "leave nothing after DEL for half of them and GC for the rest (%s), but what keepDevice (%s) keeps",
    async (mode, keepDevice) => {
      const config = network(mode, [2, 3], { keepDevice });
      await using host = await Host.create("vxlan");
      await makeUnderlay(host);
      await host.warmUp(config);
      const pods = await makePods(host, count);
      const before = await hostState(host.node);
      const entries = async () => (keepDevice ? overlayOf(host.node) : "no device");
      const overlay = await entries();
      const untouched = await containerState(host.node, "pod0");
      await killAtRandom(host, pods, config);
      await inLanes(pods.slice(0, count / 2), 4, (pod) => host.del(pod, config));
      await host.gc(config, []);
      await expect.poll(() => hostState(host.node), { timeout: 20_000, interval: 500 }).toEqual(before);
      expect(await entries()).toEqual(overlay);
      for (const { name } of pods) expect(await containerState(host.node, name)).toEqual(untouched);
    },
    limit,
  );
});
