/** A host on which an ADD is made to fail at any of its steps, and the comparison with how it was before. */
import { expect } from "vitest";
import type { PluginRun } from "../../helpers/index.ts";
import { Host, type Keys, type Pod } from "./host.ts";
import { callWith, type Step, stepsOf } from "./system-calls.ts";
import { containerState, hostState } from "./witness.ts";

export class FaultStage implements AsyncDisposable {
  readonly host: Host;
  readonly pod: Pod;
  readonly config: Keys;
  #before: Record<string, string[]> = {};

  private constructor(host: Host, pod: Pod, config: Keys) {
    this.host = host;
    this.pod = pod;
    this.config = config;
  }

  /** A clean host for the plugin that the configuration names; `prepare` may attach others to it. */
  static async create(config: Keys, prepare = async (_host: Host) => {}): Promise<FaultStage> {
    const host = await Host.create(String(config["type"]));
    await prepare(host);
    const stage = new FaultStage(host, await host.pod("a"), config);
    stage.#before = await stage.#state();
    return stage;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host.node.dispose();
  }

  async #state(): Promise<Record<string, string[]>> {
    return { ...(await hostState(this.host.node)), container: await containerState(this.host.node, "a") };
  }

  /** The steps of ADD; the container is detached again. */
  async stepsOfAdd(): Promise<Step[]> {
    const steps = await stepsOf({ ...this, command: "ADD" });
    await this.host.del(this.pod, this.config);
    return steps;
  }

  /** The steps of DEL of an attached container. */
  async stepsOfDel(): Promise<Step[]> {
    await this.host.add(this.pod, this.config);
    return await stepsOf({ ...this, command: "DEL" });
  }

  /** A call with a step that meets a fate, such as "error=EIO". */
  callWith(command: "ADD" | "DEL", step: Step, fate: string): Promise<PluginRun> {
    return callWith({ ...this, command }, step, fate);
  }

  async expectAsBefore(): Promise<void> {
    expect(await this.#state()).toEqual(this.#before);
  }

  /**
   * The same for a host that has seen no ADD before. Tables, chains and sets for all attachments may stay, but
   * with nothing in them.
   */
  async expectNothingOfAnAttachment(): Promise<void> {
    const after = await this.#state();
    for (const kind of ["links", "addresses", "routes", "neighbours", "container", "processes"]) {
      expect(after[kind]).toEqual(this.#before[kind]);
    }
    expect(after["files"]?.filter((line) => !/\/(lock|last_reserved_ip\.\d+): /.test(line))).toEqual([]);
    expect(after["ipsets"]?.filter((line) => line.startsWith("add "))).toEqual([]);
    expect(after["nftables"]?.filter((line) => line.includes("elements = "))).toEqual([]);
  }
}

/** Another container on the same network, which must not be harmed. */
export const withNeighbour = (config: Keys) => async (host: Host) => {
  await host.warmUp(config);
  await host.add(await host.pod("neighbour"), config);
};

/** Has something done for each step; a failure names the step. */
export const forEachStep = async (
  steps: readonly Step[],
  work: (step: Step) => Promise<void>,
): Promise<void> => {
  expect(steps.length).toBeGreaterThan(0);
  for (const step of steps) {
    try {
      await work(step);
    } catch (error) {
      const { message, stack } = error as Error;
      throw Object.assign(error as Error, { message: `at ${step.line}\n${message}`, stack });
    }
  }
};

/** A call with a failed step did its work all the same, or says as the specification has it that it did not. */
export const expectErrorOrSuccess = (run: PluginRun): void => {
  if (run.exitCode === 0) return;
  const shown = `exit ${run.exitCode} ${run.signal}: ${run.stdout}\n${run.stderr}`;
  expect(run.exitCode, shown).toBe(1);
  expect(run.json, shown).toMatchObject({
    cniVersion: "1.1.0",
    code: expect.any(Number),
    msg: expect.any(String),
  });
};

/** The same of ADD; what is attached passes CHECK, and is detached. */
export const expectErrorOrAttached = async (
  { host, pod, config }: FaultStage,
  run: PluginRun,
): Promise<void> => {
  expectErrorOrSuccess(run);
  if (run.exitCode !== 0) return;
  await host.check(pod, config, run.json);
  await host.del(pod, config);
};
