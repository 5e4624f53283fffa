import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  evaluator,
  type Node,
  type RunningCommand,
  writeModule,
} from "../../helpers/index.ts";
import type { ModuleScript } from "../../helpers/module.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

interface Holder {
  readonly process: RunningCommand;
  /** Settles when it has the lock. */
  readonly held: Promise<string>;
}

const source = (isExclusive: boolean) => `
  import { lockOwnNamespace } from "./shared/system/lock.ts";
  import { pause } from "./shared/system/poll.ts";
  const lock = lockOwnNamespace();
  ${isExclusive ? "lock.makeExclusive();" : ""}
  console.log("held");
  pause(1_000_000);`;

let scripts: { readonly shared: ModuleScript; readonly exclusive: ModuleScript };
beforeAll(async () => {
  scripts = { shared: await writeModule(source(false)), exclusive: await writeModule(source(true)) };
  return async () => {
    for (const script of Object.values(scripts)) await script[Symbol.asyncDispose]();
  };
});

/** A process that takes the lock, says so, and keeps it until it is killed. */
const hold = (isExclusive: boolean, netns?: string): Holder => {
  const { words } = isExclusive ? scripts.exclusive : scripts.shared;
  const process = node.start(evaluator, words, netns === undefined ? {} : { netns });
  return { process, held: process.firstLine() };
};

/** Whether flock(1), which knows nothing of ours, would get the lock at once. */
const isFree = async (kind: "--shared" | "--exclusive", netns?: string): Promise<boolean> => {
  const script = `exec 9</proc/self/ns/net; flock --nonblock ${kind} 9`;
  const options = { reject: false, ...(netns === undefined ? {} : { netns }) };
  return (await node.exec("sh", ["-c", script], options)).exitCode === 0;
};

const freedom = async (netns?: string) => [
  await isFree("--shared", netns),
  await isFree("--exclusive", netns),
];

describe.runIf(canRun("ip", "flock"))("the lock of a namespace", () => {
  test("is shared by those who take it, and keeps others from having it alone", async () => {
    const holders = [hold(false), hold(false)];
    expect(await Promise.all(holders.map(({ held }) => held))).toEqual(["held", "held"]);
    expect(await freedom()).toEqual([true, false]);
  });

  test("is had alone by one who makes it exclusive", async () => {
    await hold(true).held;
    expect(await freedom()).toEqual([false, false]);
  });

  test("becomes exclusive only when the others have let go", async () => {
    const first = hold(false);
    await first.held;
    const second = hold(true);
    // It waits in flock(2): /proc/locks shows the request below the lock it waits for.
    await expect
      .poll(async () => (await node.exec("cat", ["/proc/locks"])).stdout)
      .toMatch(new RegExp(`-> FLOCK .* ${second.process.pid} `));
    expect(await isFree("--shared")).toBe(true);
    await first.process.stop("SIGKILL");
    expect(await second.held).toBe("held");
    expect(await freedom()).toEqual([false, false]);
  });

  test("is free again when its holder is killed", async () => {
    const { process, held } = hold(true);
    await held;
    await process.stop("SIGKILL");
    expect(await freedom()).toEqual([true, true]);
  });

  test("is free again when it is released, by a process that goes on", async () => {
    await using script = await writeModule(`
      import { lockOwnNamespace } from "./shared/system/lock.ts";
      import { pause } from "./shared/system/poll.ts";
      const lock = lockOwnNamespace();
      lock.makeExclusive();
      lock.release();
      console.log("released");
      pause(1_000_000);`);
    const holder = node.start(evaluator, script.words);
    await holder.firstLine();
    expect(await freedom()).toEqual([true, true]);
  });

  test("is another one in another namespace", async () => {
    await node.addNetns("c");
    await hold(true, "c").held;
    expect(await freedom()).toEqual([true, true]);
    expect(await freedom("c")).toEqual([false, false]);
  });

  test("leaves no file behind", async () => {
    const before = await node.snapshot();
    const { process, held } = hold(true);
    await held;
    await process.stop("SIGKILL");
    expect(await node.snapshot()).toEqual(before);
  });
});
