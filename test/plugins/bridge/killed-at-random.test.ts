import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/crowd.ts";
import { killAtRandom } from "../attachment/kills.ts";
import { containerState, hostState } from "../attachment/witness.ts";
import { everything } from "./everything.ts";
import { Host, programs } from "./host.ts";

const count = 200;

describe.runIf(canRun(...programs))(`${count} ADDs killed at random moments`, () => {
  test("leave nothing after DEL for half of them and GC for the rest, and harm nobody", async () => {
    await using host = await Host.create();
    const neighbour = await host.pod("neighbour");
    const kept = await host.add(neighbour, everything);
    const pods = await makePods(host, count);
    const before = await hostState(host.node);
    const untouched = await containerState(host.node, "pod0");
    await killAtRandom(host, pods, everything);
    await inLanes(pods.slice(0, count / 2), 4, (pod) => host.del(pod, everything));
    await host.gc(everything, [neighbour]);
    // A child of a killed ADD, such as iptables-restore, may take its time to end.
    await expect.poll(() => hostState(host.node), { timeout: 20_000, interval: 500 }).toEqual(before);
    await host.check(neighbour, everything, kept);
    for (const { name } of pods) expect(await containerState(host.node, name)).toEqual(untouched);
  }, 300_000);
});
