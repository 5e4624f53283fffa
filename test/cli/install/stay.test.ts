import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canRun, type Node, type RunningCommand } from "../../helpers/index.ts";
import { folder, installer, old, Target } from "./target.ts";

const stay = ["install", "--bin-dir", folder, "--stay"];

/** Starts it as the first process of a container, which gets no signal that it does not ask for. */
async function startFirst(node: Node, args: readonly string[]): Promise<RunningCommand & { child: number }> {
  const running = node.start("unshare", ["--pid", "--fork", "--kill-child", installer, ...args]);
  const children = `/proc/${running.pid}/task/${running.pid}/children`;
  await expect.poll(() => readFileSync(children, "utf8").trim()).not.toBe("");
  const child = Number(readFileSync(children, "utf8").trim());
  expect(readFileSync(`/proc/${child}/status`, "utf8")).toMatch(/^NSpid:.*\t1$/m);
  return Object.assign(running, { child });
}

/**
 * Whether a signal waits for podwire to take it: SigBlk of proc_pid_status(5). The program that starts it, unshare(1), blocks
 * signals too while it forks, and lets them through to nothing when it goes on.
 */
const isHandled = (pid: number, signal: number): boolean => {
  if (readFileSync(`/proc/${pid}/comm`, "utf8") === "unshare\n") return false;
  const [, mask = "0"] = /^SigBlk:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
};

const SIGTERM = 15;

describe.runIf(canRun("ip", "unshare", "flock", "strace"))("podwire install --stay", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "stays up when all is installed, and ends on %s",
    async (signal) => {
      await using target = await Target.create();
      await using running = target.node.start(installer, stay);
      await running.firstLine();
      await target.expectInstalled();
      expect(readFileSync(`/proc/${running.pid}/comm`, "utf8")).not.toBe("");
      expect(await running.stop(signal)).toMatchObject({ exitCode: 0, signal: undefined, stderr: "" });
    },
  );

  test("ends on SIGTERM as a container's first process too", async () => {
    await using target = await Target.create();
    await using running = await startFirst(target.node, stay);
    await running.firstLine();
    process.kill(running.child, "SIGTERM");
    expect(await running.ended).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test.each([
    ["with --stay", stay],
    ["without", stay.filter((word) => word !== "--stay")],
  ])("ends on SIGTERM while it waits for another installer, %s", async (_how, args) => {
    await using target = await Target.create();
    const hold = `umask 077; exec flock --no-fork ${folder}/.podwire-lock sh -c "echo held; exec sleep 1000"`;
    await using other = target.node.start("sh", ["-c", hold]);
    await other.firstLine();
    await using running = await startFirst(target.node, args);
    await expect.poll(() => isHandled(running.child, SIGTERM)).toBe(true);
    process.kill(running.child, "SIGTERM");
    const { exitCode, stdout, stderr } = await running.ended;
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/interrupted by SIGTERM/);
    expect(await target.names()).toEqual([".podwire-lock"]);
  });

  test("ends on SIGTERM while it waits for a configuration without a writer", async () => {
    await using target = await Target.create();
    await target.node.exec("mkfifo", ["/run/pipe"]);
    const conf = ["--conf", "/run/pipe", "--conf-name", "a.conflist", "--conf-dir", folder];
    await using running = await startFirst(target.node, [...stay, ...conf]);
    await expect.poll(() => isHandled(running.child, SIGTERM)).toBe(true);
    process.kill(running.child, "SIGTERM");
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/cannot read .*\/run\/pipe: interrupted by SIGTERM/);
    expect(await target.names()).toEqual([]);
  });

  test("ends on SIGTERM while it writes, and leaves nothing", async () => {
    await using target = await Target.create();
    await target.layOld();
    // Each write takes a while, as on a slow disk.
    const slow = ["-e", "trace=write", "-e", "inject=write:delay_enter=200000"];
    const trace = ["-f", "-qq", "-o", "/dev/null", ...slow];
    await using running = target.node.start("strace", [...trace, installer, ...stay]);
    const isWriting = async () => (await target.names()).some((name) => name.endsWith(".content"));
    await expect.poll(isWriting).toBe(true);
    const children = `/proc/${running.pid}/task/${running.pid}/children`;
    process.kill(Number(readFileSync(children, "utf8").trim()), "SIGTERM");
    const { exitCode, stderr } = await running.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/nothing was changed.*interrupted by SIGTERM/);
    expect(await target.names()).toEqual(old);
    await target.expectService();
  });

  test("does not stay after a failure", async () => {
    await using target = await Target.create();
    expect(await target.install("--bin-dir", "/run/none", "--stay")).toMatchObject({ exitCode: 1 });
  });
});
