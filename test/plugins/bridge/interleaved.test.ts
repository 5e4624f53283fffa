/** Two ADDs whose steps come in an order that rarely happens by itself: strace holds one of them up at a step. */
import { describe, expect, test } from "vitest";
import { canRun, type PluginRun } from "../../helpers/index.ts";
import { links, ports } from "../attachment/kernel-state.ts";
import { callWith, type Step, stepsOf } from "../sweep/system-calls.ts";
import { Host, hostLocal, type Keys, network, type Pod, programs, subnet4, succeeded } from "./host.ts";

const config = network({ isGateway: true });
/** Its ADD creates everything and fails then, over a gateway that is out of reach. */
const failing = network({
  isGateway: true,
  ipam: hostLocal([subnet4], { routes: [{ dst: "192.0.2.0/24", gw: "203.0.113.9" }] }),
});

/** The step that creates the veth pair: the last creation of a link in an ADD. */
const creationOfPair = async (host: Host, pod: Pod): Promise<Step> => {
  const steps = await stepsOf({ host, command: "ADD", pod, config });
  const step = steps.findLast(({ line }) => /^sendto.*RTM_NEWLINK.*NLM_F_CREATE/.test(line));
  if (step === undefined) throw new Error("no creation of a link in the trace");
  await host.del(pod, config);
  return step;
};

const bridgeIsThere = async (host: Host) => (await links(host.node)).some(({ ifname }) => ifname === "br0");

/** ADD that is held up for so many seconds before it creates its veth pair. */
const addSlowly = (host: Host, pod: Pod, given: Keys, step: Step, seconds: number): Promise<PluginRun> =>
  callWith({ host, command: "ADD", pod, config: given }, step, `delay_enter=${seconds * 1_000_000}`);

describe.runIf(canRun("strace", ...programs))("an ADD that fails after it created the bridge", () => {
  test("leaves the bridge and its address to an ADD that has found it meanwhile", async () => {
    await using host = await Host.create();
    const [first, second] = await host.pods("first", "second");
    const onNewBridge = await creationOfPair(host, second);
    const onOldBridge = await creationOfPair(host, second);
    await host.node.exec("ip", ["link", "del", "br0"]);
    const failed = addSlowly(host, first, failing, onNewBridge, 1);
    await expect.poll(() => bridgeIsThere(host), { interval: 10, timeout: 20_000 }).toBe(true);
    const run = succeeded(await addSlowly(host, second, config, onOldBridge, 3));
    expect((await failed).exitCode).toBe(1);
    expect(await ports(host.node, "br0")).toHaveLength(1);
    await host.check(second, config, run.json);
  });

  test("takes the bridge away when no other container uses it", async () => {
    await using host = await Host.create();
    const pod = await host.pod("first");
    const run = await host.call("ADD", pod, failing);
    expect(run.exitCode).toBe(1);
    expect(await bridgeIsThere(host)).toBe(false);
  });
});
