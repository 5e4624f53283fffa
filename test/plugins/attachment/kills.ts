/** ADDs that are killed, and how a runtime clears up after them. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { inLanes } from "./crowd.ts";
import { type FaultStage, forEachStep } from "./fault-stage.ts";
import type { Host, Keys, Pod } from "./host.ts";
import type { Step } from "./system-calls.ts";
import { links } from "./witness.ts";

/** The calls that change something: a kill between two of them is a kill at the second. */
export const changing = ["sendto", "write", "renameat2", "openat", "mkdirat", "ftruncate", "unlinkat"];

const neighbour = { containerId: "id-neighbour", ifname: "eth0" };

/** The ways a runtime gets rid of what a killed ADD left; each is tried at every, or every third step. */
export const cures: [string, number, (stage: FaultStage) => Promise<void>][] = [
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
export const kill = async (stage: FaultStage, step: Step): Promise<boolean> => {
  const run = await stage.callWith("ADD", step, "signal=SIGKILL");
  if (run.exitCode === 0) return false;
  expect(run).toMatchObject({ signal: "SIGKILL", stdout: "" });
  return true;
};

/** Kills ADD at one after the other of its steps, each `stride`-th of them; all is as before once `heal` has cleared up. */
export const killAndHeal = async (
  stage: FaultStage,
  stride: number,
  heal: (stage: FaultStage) => Promise<void>,
): Promise<void> => {
  const steps = (await stage.stepsOfAdd()).filter(({ syscall }) => changing.includes(syscall));
  const chosen = steps.filter((_step, index) => index % stride === 0);
  let kills = 0;
  await forEachStep(chosen, async (step) => {
    if (await kill(stage, step)) kills++;
    await heal(stage);
    await stage.expectAsBefore();
  });
  expect(kills).toBeGreaterThan(0.9 * chosen.length);
};

/** Starts an ADD for each container, four at a time, and kills each at a random moment. Some come to their end before. */
export const killAtRandom = async (host: Host, pods: readonly Pod[], config: Keys): Promise<void> => {
  let killed = 0;
  // How long an ADD takes here and now, in milliseconds: the last one that came to its end says so, and
  // kills make the next guess longer, so that they come at all moments whatever else the machine does.
  let duration = 100;
  await inLanes(pods, 4, async (pod) => {
    const begin = performance.now();
    await using running = host.node.startPlugin(host.executable, host.request("ADD", pod, config));
    await Promise.race([running.ended, sleep(Math.random() * duration)]);
    if ((await running.stop("SIGKILL")).signal === "SIGKILL") {
      killed++;
      duration *= 1.2;
    } else duration = performance.now() - begin;
  });
  expect(killed).toBeGreaterThan(pods.length / 10);
};
