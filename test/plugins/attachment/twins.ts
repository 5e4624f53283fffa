/** Two ADDs of one container and interface at once: one of them attaches it, the other is refused and disturbs nothing. */
import { expect, test } from "vitest";
import type { PluginRun } from "../../helpers/index.ts";
import { failed, type Host, type Keys, type Pod, succeeded } from "./host.ts";
import { callWith, type Step, stepsOf } from "./system-calls.ts";
import { containerState, hostState, links, reservations } from "./witness.ts";

/** Expects one success and one refusal, and the attachment of the former to be whole. */
async function expectOne(host: Host, pod: Pod, config: Keys, runs: readonly PluginRun[], total: number) {
  const winners = runs.filter(({ exitCode }) => exitCode === 0);
  expect(winners, runs.map(({ stdout }) => stdout).join("\n")).toHaveLength(1);
  for (const run of runs) if (!winners.includes(run)) failed(run, 4, /eth0.*already exists/);
  const { ips } = succeeded(winners[0] as PluginRun).json;
  await host.check(pod, config, winners[0]?.json);
  const inside = (await containerState(host.node, pod.name)).join("\n");
  for (const { address } of ips) expect(inside).toContain(address);
  expect(await reservations(host.node)).toHaveLength(total);
  for (const { address } of ips) {
    expect(await reservations(host.node)).toContain(address.replace(/\/.*/, ""));
  }
}

/** Many times both at once; each time DEL leaves what was before. */
async function expectOneOfTwo(host: Host, config: Keys, rounds: number): Promise<void> {
  const pod = await host.pod("twin");
  await host.add(pod, config);
  const total = (await reservations(host.node)).length;
  await host.del(pod, config);
  const before = await hostState(host.node);
  for (let round = 0; round < rounds; round++) {
    const runs = await Promise.all([host.call("ADD", pod, config), host.call("ADD", pod, config)]);
    await expectOne(host, pod, config, runs, total);
    await host.del(pod, config);
    expect(await hostState(host.node)).toEqual(before);
  }
}

/** When the first of two is held up: before it makes its interface, right afterwards, and before its last change. */
const holdUps = ["before the pair", "after the pair", "at the end"] as const;

function stepAt(steps: readonly Step[], holdUp: (typeof holdUps)[number]): Step | undefined {
  // strace does not say of every socket what is sent by it; but this setting comes right after the pair.
  const setting = steps.findIndex(({ line }) =>
    /^openat.*conf\/veth\w+\/(accept_ra|disable_ipv6)/.test(line),
  );
  const pair = steps.slice(0, setting).findLastIndex(({ syscall }) => syscall === "sendto");
  if (holdUp === "before the pair") return steps[pair];
  const later = steps.slice(pair + 1).filter(({ syscall }) => syscall === "sendto");
  return holdUp === "after the pair" ? later[0] : later.at(-1);
}

/** The second comes while strace holds the first up at a step. */
async function expectFirstToStay(host: Host, config: Keys, holdUp: (typeof holdUps)[number]): Promise<void> {
  const pod = await host.pod("twin");
  await host.add(pod, config);
  const total = (await reservations(host.node)).length;
  await host.del(pod, config);
  const step = stepAt(await stepsOf({ host, command: "ADD", pod, config }), holdUp);
  if (step === undefined) throw new Error("no such step in the trace");
  await host.del(pod, config);
  const before = await hostState(host.node);
  const first = callWith({ host, command: "ADD", pod, config }, step, "delay_enter=2000000");
  const isOnItsWay = async () =>
    holdUp === "before the pair"
      ? (await reservations(host.node)).length === total
      : (await links(host.node, pod.name)).some(({ ifname }) => ifname === pod.ifname);
  await expect.poll(isOnItsWay, { interval: 10, timeout: 20_000 }).toBe(true);
  const runs = await Promise.all([first, host.call("ADD", pod, config)]);
  expect(runs[0].exitCode, runs[0].stdout).toBe(0);
  await expectOne(host, pod, config, runs, total);
  await host.del(pod, config);
  expect(await hostState(host.node)).toEqual(before);
}

/** The tests of a plugin: a fresh host for each, `rounds` of both at once in one of them. */
export function testTwins(createHost: () => Promise<Host>, config: Keys, rounds: number): void {
  test("attach it once, and the other is refused, time after time", async () => {
    await using host = await createHost();
    await expectOneOfTwo(host, config, rounds);
  }, 300_000);

  test.each(holdUps)(
    "the first held up %s: the second is refused, and disturbs nothing",
    async (holdUp) => {
      await using host = await createHost();
      await expectFirstToStay(host, config, holdUp);
    },
    60_000,
  );
}
