import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  canRun,
  createNode,
  evaluator,
  type ModuleScript,
  type Node,
  type RunningCommand,
  writeModule,
} from "../../helpers/index.ts";

/** What a process does with the lock before it says so, and lives on until it is killed. */
const steps = {
  shared: "",
  exclusive: "lock.makeExclusive();",
  released: "lock.makeExclusive(); lock.release();",
};

const scripts = new Map<string, ModuleScript>();
beforeAll(async () => {
  for (const [how, step] of Object.entries(steps)) {
    const script = await writeModule(
      `import { lockOwnNamespace } from "./shared/system/lock.ts";
       import { pause } from "./shared/system/poll.ts";
       const lock = lockOwnNamespace();
       ${step}
       console.log("ready");
       pause(1e9);`,
    );
    scripts.set(how, script);
  }
  return async () => {
    for (const script of scripts.values()) await script[Symbol.asyncDispose]();
  };
});

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

const hold = (how: keyof typeof steps, netns?: string): Holder => {
  const place = netns === undefined ? {} : { netns };
  const process = node.start(evaluator, scripts.get(how)?.words, place);
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
    const holders = [hold("shared"), hold("shared")];
    expect(await Promise.all(holders.map(({ held }) => held))).toEqual(["ready", "ready"]);
    expect(await freedom()).toEqual([true, false]);
  });

  test("is had alone by one who makes it exclusive", async () => {
    await hold("exclusive").held;
    expect(await freedom()).toEqual([false, false]);
  });

  test("becomes exclusive only when the others have let go", async () => {
    const first = hold("shared");
    await first.held;
    const second = hold("exclusive");
    // It waits in flock(2): /proc/locks shows the request below the lock it waits for.
    await expect
      .poll(async () => (await node.exec("cat", ["/proc/locks"])).stdout)
      .toMatch(new RegExp(`-> FLOCK .* ${second.process.pid} `));
    expect(await isFree("--shared")).toBe(true);
    await first.process.stop("SIGKILL");
    expect(await second.held).toBe("ready");
    expect(await freedom()).toEqual([false, false]);
  });

  test("is free again when its holder is killed", async () => {
    const { process, held } = hold("exclusive");
    await held;
    await process.stop("SIGKILL");
    expect(await freedom()).toEqual([true, true]);
  });

  test("is free again when it is released, by a process that goes on", async () => {
    await hold("released").held;
    expect(await freedom()).toEqual([true, true]);
  });

  test("is another one in another namespace", async () => {
    await node.addNetns("c");
    await hold("exclusive", "c").held;
    expect(await freedom()).toEqual([true, true]);
    expect(await freedom("c")).toEqual([false, false]);
  });

  test("leaves no file behind", async () => {
    const before = await node.snapshot();
    const { process, held } = hold("exclusive");
    await held;
    await process.stop("SIGKILL");
    expect(await node.snapshot()).toEqual(before);
  });
});
