import { describe, expect, test } from "vitest";
import { canRun, type Snapshot } from "../../helpers/index.ts";
import { expectErrorOrSuccess, forEachStep } from "../attachment/fault-stage.ts";
import { hostState } from "../attachment/witness.ts";
import { callWith, type Step, stepsOf } from "../sweep/system-calls.ts";
import { backends, bridgeConfig, type Keys, type Pod, PortHost, programs } from "./host.ts";

const limit = 300_000;

/** The calls that change something, or look at what was changed. A kill between two of them is a kill at the second. */
const changing = [
  "sendto",
  "write",
  "linkat",
  "unlinkat",
  "openat",
  "mkdirat",
  "renameat2",
  "recvfrom",
  "flock",
];

/** Every so many steps: all of them would take too long. */
const some = (steps: readonly Step[], start: number, stride: number) =>
  steps.filter((_, index) => index % stride === start);

/** A node with a container whose ports are forwarded, and another one whose are to be. */
class Stage implements AsyncDisposable {
  readonly host: PortHost;
  readonly pod: Pod;
  readonly config: Keys;
  private readonly neighbour: Pod;
  private before: Partial<Snapshot> = {};

  private constructor(host: PortHost, pod: Pod, neighbour: Pod, config: Keys) {
    this.host = host;
    this.pod = pod;
    this.neighbour = neighbour;
    this.config = config;
  }

  static async create(backend: PortHost["backend"]): Promise<Stage> {
    const host = await PortHost.create(backend);
    const [pod, neighbour] = await host.bridge.pods("a", "b");
    await host.attach(neighbour, [{ hostPort: 8096, containerPort: 80 }]);
    const result = await host.bridge.add(pod, bridgeConfig());
    const mappings = [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8080, containerPort: 53, protocol: "udp" },
    ];
    const stage = new Stage(host, pod, neighbour, host.config(mappings, result));
    stage.before = await hostState(host.node);
    return stage;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host[Symbol.asyncDispose]();
  }

  private call(command: "ADD" | "DEL") {
    const config = command === "ADD" ? this.config : this.host.config(undefined);
    return { host: this.host.portmap, command, pod: this.pod, config };
  }

  async steps(command: "ADD" | "DEL"): Promise<Step[]> {
    if (command === "DEL") await this.add();
    const steps = await stepsOf(this.call(command));
    await this.host.detach(this.pod);
    return steps.filter(({ syscall }) => changing.includes(syscall));
  }

  with(command: "ADD" | "DEL", step: Step, fate: string) {
    return callWith(this.call(command), step, fate);
  }

  add() {
    return this.host.portmap.add(this.pod, this.config);
  }

  collect() {
    return this.host.portmap.gc(this.host.config(undefined), [this.neighbour]);
  }

  async expectAsBefore(): Promise<void> {
    expect(await hostState(this.host.node)).toEqual(this.before);
  }
}

describe.runIf(canRun("strace", ...programs)).each(backends)("a system call that fails (%s)", (backend) => {
  test(
    "in ADD leaves all as it was",
    async () => {
      await using stage = await Stage.create(backend);
      await forEachStep(some(await stage.steps("ADD"), 0, 2), async (step) => {
        const run = await stage.with("ADD", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode === 0) await stage.host.detach(stage.pod);
        await stage.expectAsBefore();
      });
    },
    limit,
  );

  test(
    "in DEL is told, or has left nothing; and the next DEL leaves nothing",
    async () => {
      await using stage = await Stage.create(backend);
      await forEachStep(some(await stage.steps("DEL"), 0, 2), async (step) => {
        await stage.add();
        const run = await stage.with("DEL", step, "error=EIO");
        expectErrorOrSuccess(run);
        if (run.exitCode !== 0) await stage.host.detach(stage.pod);
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});

describe.runIf(canRun("strace", ...programs)).each(backends)("ADD that is killed (%s)", (backend) => {
  const cures: readonly (readonly [string, number, (stage: Stage) => Promise<void>])[] = [
    ["DEL", 0, (stage) => stage.host.detach(stage.pod)],
    ["GC", 1, (stage) => stage.collect()],
    [
      "ADD again and DEL",
      2,
      async (stage) => {
        await stage.add();
        await stage.host.detach(stage.pod);
      },
    ],
  ];

  test.each(cures)(
    "at any of its system calls leaves nothing after %s",
    async (_, start, heal) => {
      await using stage = await Stage.create(backend);
      await forEachStep(some(await stage.steps("ADD"), start, 3), async (step) => {
        await stage.with("ADD", step, "signal=SIGKILL");
        await heal(stage);
        await stage.expectAsBefore();
      });
    },
    limit,
  );
});
