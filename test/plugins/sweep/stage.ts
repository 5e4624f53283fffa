/** A host on which one call of an attachment fails or dies, and the comparison with how the host was before. */
import { expect } from "vitest";
import { builtPlugin, createNode, type PluginRun } from "../../helpers/index.ts";
import { Host, type Keys, type Pod } from "../attachment/host.ts";
import { containerState, hostState } from "../attachment/kernel-state.ts";
import type { Calls, Prepare, Subject } from "./subjects.ts";
import { callWith, type Step, stepsOf } from "./system-calls.ts";

type State = Readonly<Record<string, unknown>>;

export class Stage implements AsyncDisposable {
  readonly host: Host;
  /** The container that is attached. */
  readonly pod: Pod;
  readonly #calls: Calls;
  /** How all was before its first call. */
  before: State = {};

  private constructor(host: Host, pod: Pod, calls: Calls) {
    this.host = host;
    this.pod = pod;
    this.#calls = calls;
  }

  /**
   * A host as the subject prepares it, with a container that is about to be attached. `before`: the state that it is known to
   * have, as new hosts have one and the same.
   */
  static async create(
    subject: Subject,
    { prepare = subject.prepare, before }: { readonly prepare?: Prepare; readonly before?: State } = {},
  ): Promise<Stage> {
    const host = new Host(await createNode(), builtPlugin(subject.plugin));
    const pod = await host.pod("a", subject.ifname);
    const stage = new Stage(host, pod, await prepare(host, pod));
    stage.before = before ?? (await stage.state());
    return stage;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host.node.dispose();
  }

  /** The configuration of ADD. */
  get config(): Keys {
    return this.#config("ADD");
  }

  #config(command: "ADD" | "DEL"): Keys {
    const { add, del = add } = this.#calls;
    return command === "ADD" ? add : del;
  }

  #call(command: "ADD" | "DEL") {
    return { host: this.host, command, pod: this.pod, config: this.#config(command) };
  }

  add() {
    return this.host.add(this.pod, this.#config("ADD"));
  }

  check(result: unknown) {
    return this.host.check(this.pod, this.#config("ADD"), result);
  }

  /** DEL, as the runtime calls it; `change` is what it does not know. */
  del(change: Partial<Pod> = {}) {
    return this.host.del({ ...this.pod, ...change }, this.#config("DEL"));
  }

  /** GC that keeps what the subject attached to the host, and not this attachment. */
  gc() {
    return this.host.gc(
      this.#config("DEL"),
      (this.#calls.kept ?? []).map(({ pod }) => pod),
    );
  }

  /** A call that may fail. */
  call(command: "ADD" | "DEL") {
    return this.host.call(command, this.pod, this.#config(command));
  }

  /** A call for another container that is not waited for. */
  start(command: "ADD" | "DEL", pod: Pod) {
    const { node, executable } = this.host;
    return node.startPlugin(executable, this.host.request(command, pod, this.#config(command)));
  }

  /** CHECK of what the subject attached to the host. */
  async checkKept(): Promise<void> {
    for (const { pod, result, config = this.#config("ADD") } of this.#calls.kept ?? [])
      await this.host.check(pod, config, result);
  }

  /** The steps of ADD; the container is detached again. */
  async stepsOfAdd(): Promise<Step[]> {
    const steps = await stepsOf(this.#call("ADD"));
    await this.del();
    await this.#calls.restore?.();
    return steps;
  }

  /** For a plugin that has nothing on the host: DEL with the namespace, and what goes with the namespace otherwise. */
  async clearInside(): Promise<void> {
    await this.del();
    await this.#calls.restore?.();
  }

  /** The steps of DEL of an attached container. */
  async stepsOfDel(): Promise<Step[]> {
    await this.add();
    return await stepsOf(this.#call("DEL"));
  }

  /** A call with a step of the fate `fate`, such as "error=EIO". */
  callWith(command: "ADD" | "DEL", step: Step, fate: string): Promise<PluginRun> {
    return callWith(this.#call(command), step, fate);
  }

  /** All that a call could change. */
  async state(): Promise<State> {
    const container = await containerState(this.host.node, this.pod.name);
    return { ...(await hostState(this.host.node)), container, own: await this.#calls.state?.() };
  }

  async expectAsBefore(): Promise<void> {
    expect(await this.state()).toEqual(this.before);
  }

  /** ADD with a failed step: it attached the container all the same, and DEL detaches it, or it says as the specification has it that it failed. */
  async expectErrorOrAttached(run: PluginRun): Promise<void> {
    expectErrorOrSuccess(run);
    if (run.exitCode !== 0) return;
    await this.check(run.json);
    await this.del();
    await this.#calls.restore?.();
  }

  /**
   * For a host that has seen no ADD before. Tables, chains and sets for all attachments may stay, but with nothing in them;
   * so may the devices `staying`.
   */
  async expectNothingOfAnAttachment(staying: readonly string[]): Promise<void> {
    const after = await this.state();
    const linesOf = (state: State, kind: string) =>
      (state[kind] as string[]).filter((line) => !staying.some((device) => line.includes(`"${device}"`)));
    for (const kind of ["links", "addresses", "routes", "neighbours", "container", "processes"])
      expect(linesOf(after, kind)).toEqual(linesOf(this.before, kind));
    const remaining = (kind: string, pattern: RegExp) =>
      linesOf(after, kind).filter((line) => pattern.test(line));
    expect(remaining("files", /^(?!.*\/(lock|records\/(state|\.uses)|last_reserved_ip\.\d+): )/)).toEqual(
      linesOf(this.before, "files"),
    );
    expect(remaining("ipsets", /^add /)).toEqual([]);
    for (const kind of ["nftables", "iptables", "ip6tables"])
      expect(remaining(kind, /podwire network=/)).toEqual([]);
  }
}

/** Has something done for each step; a failure names the step. */
export const forEachStep = async (
  steps: readonly Step[],
  work: (step: Step) => Promise<void>,
): Promise<void> => {
  for (const step of steps) {
    try {
      await work(step);
    } catch (error) {
      const { message, stack } = error as Error;
      throw Object.assign(error as Error, { message: `at ${step.line}\n${message}`, stack });
    }
  }
};

/** A call with a failed step did its work all the same, or says as the specification has it that it failed. */
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
