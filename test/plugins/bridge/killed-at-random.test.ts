import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { canRun } from "../../helpers/index.ts";
import { inLanes, makePods } from "../attachment/crowd.ts";
import { containerState, hostState } from "../attachment/witness.ts";
import { everything } from "./everything.ts";
import { Host, type Pod, programs } from "./host.ts";

const count = 200;
const killWithin = async (host: Host, pod: Pod, longest: number): Promise<boolean> => {
  await using running = host.node.startPlugin(host.executable, host.request("ADD", pod, everything));
  await Promise.race([running.ended, sleep(Math.random() * longest)]);
  return (await running.stop("SIGKILL")).signal === "SIGKILL";
};

describe.runIf(canRun(...programs))(`${count} ADDs killed at random moments`, () => {
  test("leave nothing after DEL for half of them and GC for the rest, and harm nobody", async () => {
    await using host = await Host.create();
    const neighbour = await host.pod("neighbour");
    const begin = performance.now();
    const kept = await host.add(neighbour, everything);
    // So that kills come at all moments of an ADD on this machine, and some after its end.
    const longest = 2 * (performance.now() - begin);
    const pods = await makePods(host, count);
    const before = await hostState(host.node);
    const untouched = await containerState(host.node, "pod0");
    const killed = await inLanes(pods, 4, (pod) => killWithin(host, pod, longest));
    expect(killed.filter(Boolean).length).toBeGreaterThan(count / 10);
    await inLanes(pods.slice(0, count / 2), 4, (pod) => host.del(pod, everything));
    await host.gc(everything, [neighbour]);
    // A child of a killed ADD, such as iptables-restore, may take its time to end.
    await expect.poll(() => hostState(host.node), { timeout: 20_000, interval: 500 }).toEqual(before);
    await host.check(neighbour, everything, kept);
    for (const { name } of pods) expect(await containerState(host.node, name)).toEqual(untouched);
  }, 300_000);
});
