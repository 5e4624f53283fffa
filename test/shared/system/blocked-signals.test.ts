import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, type RunningCommand } from "../../helpers/index.ts";
import { onNode, startOnNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

/** Starts a program that has blocked SIGINT and SIGTERM when this returns. */
const start = (statements: string): Promise<RunningCommand> =>
  startOnNode(
    node,
    `const blocked = signals.blockSignals(["SIGINT", "SIGTERM"]);
     const next = (limit) => { polls.waitForAny([blocked.descriptor], "signals", limit); return blocked.take(); };
     say("blocked");
     ${statements}`,
  );

/** What a program said after "blocked". */
const saidBy = ({ stdout }: { readonly stdout: string }): unknown[] =>
  stdout
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line));

describe.runIf(canRun("ip"))("signals that are blocked", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("are waited for and named: %s", async (signal) => {
    await using running = await start("say(next());");
    expect(saidBy(await running.stop(signal))).toEqual([signal]);
  });

  test("are taken one by one, each once", async () => {
    await using running = await start(
      `const taken = [1, 2].map(() => next());
       say([...taken.sort(), blocked.take() ?? null]);`,
    );
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.kill(running.pid, signal);
    expect(saidBy(await running.ended)).toEqual([["SIGINT", "SIGTERM", null]]);
  });

  test("are not there when none has come, nor when the time is over", async () => {
    await using running = await start("say([blocked.take() ?? null, next(20) ?? null]);");
    expect(saidBy(await running.ended)).toEqual([[null, null]]);
  });

  test("do again what they did before when they are let through, but for those that had come", async () => {
    await using running = await start(
      'polls.waitForAny([blocked.descriptor], "signals"); blocked.unblock(); say("alive"); polls.pause(100_000);',
    );
    process.kill(running.pid, "SIGTERM");
    await expect.poll(() => readFileSync(`/proc/${running.pid}/status`, "utf8")).toMatch(/^SigBlk:\t0+$/m);
    const { stdout, signal } = await running.stop("SIGINT");
    expect({ stdout, signal }).toEqual({ stdout: '"blocked"\n"alive"', signal: "SIGINT" });
  });

  test("leave no file open, and others as they were", async () => {
    const count = await onNode(
      node,
      `const count = () => directories.listDirectory("/proc/self/fd").length;
       const mask = () => /^SigBlk:.*$/m.exec(files.readText("/proc/thread-self/status"))[0];
       const before = [count(), mask()];
       const outer = signals.blockSignals(["SIGHUP"]);
       const inside = mask();
       signals.blockSignals(["SIGHUP", "SIGTERM"]).unblock();
       const back = mask();
       outer.unblock();
       say([before, [count(), mask()], inside === back, inside === before[1]]);`,
    );
    const [before, after, isKept, isSame] = count as unknown[];
    expect(after).toEqual(before);
    expect([isKept, isSame]).toEqual([true, false]);
  });

  test("are not blocked for a program that is started meanwhile", async () => {
    await using running = await start(
      `const { stdout } = runProcess("/bin/grep", { arguments: ["SigBlk", "/proc/self/status"], environment: {} });
       say(text(stdout));`,
    );
    expect(saidBy(await running.ended)).toEqual(["SigBlk:\t0000000000000000\n"]);
  });
});
