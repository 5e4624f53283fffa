import { describe, expect, test } from "vitest";
import { type CommandResult, canRun, referencePlugin } from "../../helpers/index.ts";
import { all, folder, installer, old, Target } from "./target.ts";

/** The system calls that change something, as the run time makes them. */
const changing = ["openat", "write", "fchmod", "fsync", "linkat", "renameat2", "unlinkat"];

interface Step {
  readonly syscall: string;
  readonly number: number;
  readonly line: string;
}

const command = [installer, "install", "--bin-dir", folder];

/** Of the writes of the content, and of the passing names that are removed, a few are enough. */
const strides: Readonly<Record<string, number>> = { write: 3, unlinkat: 4 };

/** The changing steps of an installation over the old set. */
async function stepsOf(target: Target): Promise<Step[]> {
  const file = "/run/trace";
  await target.node.exec("strace", ["-qq", "-o", file, "-e", `trace=${changing}`, ...command]);
  const lines = (await target.node.exec("cat", [file])).stdout.split("\n");
  const counts = new Map<string, number>();
  const steps = lines.map((line) => {
    const syscall = /^(\w+)\(/.exec(line)?.[1] ?? "";
    const number = (counts.get(syscall) ?? 0) + 1;
    counts.set(syscall, number);
    return { syscall, number, line };
  });
  const begin = steps.findIndex(({ line }) => line.includes(".content"));
  return steps
    .slice(begin)
    .filter(({ line }) => !/^write\([12],/.test(line))
    .filter(
      ({ syscall, number }) => changing.includes(syscall) && (number - 1) % (strides[syscall] ?? 1) === 0,
    );
}

/** An installation over the old set, one step of which meets its fate. */
async function meet(target: Target, { syscall, number }: Step, fate: string): Promise<CommandResult> {
  await target.layOld();
  const inject = ["-e", `trace=${syscall}`, "-e", `inject=${syscall}:${fate}:when=${number}`];
  return target.node.exec("strace", ["-qq", "-o", "/dev/null", ...inject, ...command], { reject: false });
}

/** Every name of the old set is whole: the old file or the new one. Returns how many are new. */
async function expectWhole(target: Target, step: Step): Promise<number> {
  const changed: string[] = [];
  for (const name of old) if (!(await target.isSame(name, referencePlugin(name)))) changed.push(name);
  const [first] = changed;
  if (first === undefined) return 0;
  // They are one file, which is compared once.
  for (const name of changed)
    await target.node.exec("test", [`${folder}/${name}`, "-ef", `${folder}/${first}`]);
  expect(await target.isSame(first, installer), `${first} after ${step.line}`).toBe(true);
  return changed.length;
}

describe.runIf(canRun("ip", "strace", "cmp", referencePlugin("bridge")))("podwire install", () => {
  test("that is killed at any step leaves executables that work, and the next one clears up", async () => {
    await using target = await Target.create();
    await target.layOld();
    const steps = await stepsOf(target);
    expect(steps.length).toBeGreaterThan(25);
    const seen = new Set<number>();
    for (const step of steps) {
      expect(await meet(target, step, "signal=SIGKILL"), step.line).toMatchObject({ signal: "SIGKILL" });
      seen.add(await expectWhole(target, step));
      if (step.syscall === "renameat2") await target.expectService();
      expect(await target.install()).toMatchObject({ exitCode: 0 });
      await target.expectInstalled();
    }
    // Kills between two names were among them.
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  }, 300_000);

  test("that fails at any step leaves the old set, or has put the new one in place", async () => {
    await using target = await Target.create();
    await target.layOld();
    for (const step of await stepsOf(target)) {
      const { exitCode, stderr } = await meet(target, step, "error=ENOSPC");
      const count = await expectWhole(target, step);
      expect([0, old.length], `${step.line}: ${stderr}`).toContain(count);
      expect(exitCode, step.line).toBe(count === 0 ? 1 : 0);
      if (count === 0) expect(stderr).toMatch(/cannot install .*no space/);
      if (step.syscall !== "unlinkat") {
        expect(await target.names(), step.line).toEqual(count === 0 ? old : all);
      }
    }
  }, 300_000);

  test("has the content on the disk before a name leads to it, and the names before it ends", async () => {
    await using target = await Target.create();
    await target.layOld();
    const order = (await stepsOf(target)).map(({ syscall }) => syscall).filter((call) => call !== "write");
    const joined = order.join(" ").replaceAll(/(\w+)( \1)+/g, "$1");
    expect(joined).toMatch(/^openat fchmod fsync linkat openat fsync renameat2 openat fsync unlinkat\b/);
  });
});

describe.runIf(canRun("ip", "cmp", referencePlugin("bridge")))("several installers at once", () => {
  test("all succeed, and the set is one file", async () => {
    await using target = await Target.create();
    await target.layOld();
    const runs = await Promise.all([...Array(6).keys()].map(() => target.install()));
    for (const run of runs) expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(runs.filter(({ stdout }) => stdout.includes("replaced"))).toHaveLength(1);
    await target.expectInstalled();
  });

  test("of different plugins, do not take each other's files away", async () => {
    await using target = await Target.create();
    const runs = await Promise.all(all.map((name) => target.install("--plugins", name)));
    for (const run of runs) expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await target.names()).toEqual(all);
    await target.expectService();
  });
});
