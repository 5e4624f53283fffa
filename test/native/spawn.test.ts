import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluator, writeModule } from "../helpers/index.ts";
import { evaluate } from "./evaluate.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "podwire-spawn-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ECHILD = -10;

/** Runs a shell whose output goes into files, and what is to be done with descriptors before. */
const prelude = (name: string) => `
  const open = (path, flags) => native.openat(-100, path, flags, 0o600);
  const create = (end) => open(${JSON.stringify(join(folder, name))} + end, 0o2001102);
  const wait = (pid) => { const status = new Uint8Array(4); const ended = native.wait4(pid, status, 0, null); return [ended === pid, ...status]; };
  const shell = (text, input, output, error, environment = []) => native.spawn("/bin/sh", ["sh", "-c", text], environment, input, output, error);`;

const written = (name: string) => readFileSync(join(folder, name), "utf8");

describe("the streams of a started program", () => {
  const text = "read line; echo out $line; echo err $line >&2; exit 3";

  test.each([
    ["apart", "const [i, o, e] = [input, create('.out'), create('.err')];"],
    [
      "closed and opened again in another order",
      "[0, 1, 2].map((each) => native.close(each)); const o = create('.out'), e = create('.err'), i = open(file, 0);",
    ],
    [
      "the other way round",
      "[0, 1, 2].map((each) => native.close(each)); const e = create('.err'), i = open(file, 0), o = create('.out');",
    ],
  ])("are those that were asked for, %s", async (how, descriptors) => {
    const name = how.replaceAll(" ", "-");
    writeFileSync(join(folder, `${name}.in`), "line\n");
    const keep = "const report = native.fcntl(1, 1030, 100);";
    const source = `${prelude(name)}
      ${keep}
      const file = ${JSON.stringify(join(folder, `${name}.in`))};
      const input = open(file, 0);
      ${descriptors}
      const end = wait(shell(${JSON.stringify(text)}, i, o, e));
      native.write(report, native.encode(JSON.stringify({ end, numbers: [i, o, e] })));`;
    const { end, numbers } = await evaluate<{ end: unknown; numbers: number[] }>(source);
    expect(end).toEqual([true, 0, 3, 0, 0]);
    expect(new Set(numbers).size).toBe(3);
    if (how !== "apart") expect([...numbers].sort()).toEqual([0, 1, 2]);
    expect([written(`${name}.out`), written(`${name}.err`)]).toEqual(["out line\n", "err line\n"]);
  });

  test("may be one descriptor", async () => {
    const end = await evaluate(`${prelude("one")}
      const all = create("");
      say(wait(shell("echo out; echo err >&2; echo in >&0", all, all, all)));`);
    expect(end).toEqual([true, 0, 0, 0, 0]);
    expect(written("one")).toBe("out\nerr\nin\n");
  });

  test.each([0, 1, 2])(
    "must be open: descriptor %d that is not starts nothing, and leaves no child",
    async (place) => {
      const streams = [0, 1, 2].map((at) => (at === place ? 12345 : at));
      const made = join(folder, `made-${place}`);
      const got = await evaluate(`${prelude("closed")}
      say([shell("touch ${made}", ${streams.join()}), native.wait4(-1, new Uint8Array(4), 0, null)]);`);
      expect(got).toEqual([-9, ECHILD]);
      expect(existsSync(made)).toBe(false);
    },
  );

  test("are all that it is given of ours", async () => {
    await evaluate(`${prelude("numbers")}
      const list = (end) => wait(shell("ls /proc/self/fd", 0, create(end), 2));
      list(".before");
      for (let at = 0; at < 20; at++) open("/dev/null", 0o2000000);
      list(".after");
      say(null);`);
    expect(written("numbers.before").split("\n")).toEqual(expect.arrayContaining(["0", "1", "2"]));
    expect(written("numbers.after")).toBe(written("numbers.before"));
  });

  test("leave no descriptor open in the one that started it", async () => {
    const count = await evaluate(`${prelude("leak")}
      const next = () => { const lowest = open("/dev/null", 0); native.close(lowest); return lowest; };
      const before = next();
      for (let at = 0; at < 50; at++) { wait(shell("exit 0", 0, 1, 2)); native.spawn("/nonexistent", [], [], 0, 1, 2); shell("", 0, 1, 999); }
      say(next() - before);`);
    expect(count).toBe(0);
  });
});

describe("a program that cannot be started", () => {
  const start = (path: string, words = '["x"]', environment = "[]") =>
    `native.spawn(${path}, ${words}, ${environment}, 0, 1, 2)`;
  const manyWords = 'Array.from({ length: 100 }, () => "x".repeat(100000))';

  test.each([
    ["is missing", start('"/nonexistent/program"'), -2],
    ["is below a file", start('"/etc/passwd/x"'), -20],
    ["is a folder", start('"/tmp"'), -13],
    ["may not be executed", start('"/etc/passwd"'), -13],
    ["has no name", start('""'), -2],
    ["has a NUL in its path", start('"/bin/true\\0"'), -22],
    ["has a NUL in a word", start('"/bin/true"', '["true", "a\\0b"]'), -22],
    ["has a NUL in its environment", start('"/bin/true"', '["true"]', '["A=b\\0c"]'), -22],
    ["has a word of more than the kernel takes", start('"/bin/true"', '["x".repeat(200000)]'), -7],
    ["has more words than the kernel takes", start('"/bin/true"', manyWords), -7],
    ["has a larger environment than the kernel takes", start('"/bin/true"', '["true"]', manyWords), -7],
  ])("since it %s gives the negated errno, and no child is left", async (_, call, failure) => {
    expect(await evaluate(`say([${call}, native.wait4(-1, new Uint8Array(4), 0, null)]);`)).toEqual([
      failure,
      ECHILD,
    ]);
  });

  test.each([
    ['native.spawn(5, ["x"], [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", "words", [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", undefined, [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", { length: 1 }, [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x", 5], [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x", , "y"], [], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x"], { A: "b" }, 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x"], [undefined], 0, 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x"], [], 0, 1)', "TypeError"],
    ['native.spawn("/bin/true", ["x"], [], "0", 1, 2)', "TypeError"],
    ['native.spawn("/bin/true", ["x"], [], 0, 1, 2 ** 31)', "RangeError"],
    ['native.spawn("/bin/true", ["x"], [], 0.5, 1, 2)', "RangeError"],
    ['native.spawn("/bin/true", new Array(2 ** 20), [], 0, 1, 2)', "TypeError"],
    ["native.spawn()", "TypeError"],
  ])("since the call is wrong is an exception: %s", async (call, name) => {
    const got = await evaluate<string[]>(
      `say([refusal(() => ${call}), native.wait4(-1, new Uint8Array(4), 0, null)]);`,
    );
    expect(got).toEqual([name, ECHILD]);
  });

  test("since its caller throws while it says the words is an exception, too", async () => {
    const words = '["x"]; Object.defineProperty(words, 1, { get() { throw new RangeError("no"); } })';
    const got = await evaluate(`const words = ${words};
      say([refusal(() => native.spawn("/bin/true", words, [], 0, 1, 2)), native.wait4(-1, new Uint8Array(4), 0, null)]);`);
    expect(got).toEqual(["RangeError", ECHILD]);
  });
});

describe("a started program", () => {
  test("has the words and the environment as they are, in their order, twice where they are said twice", async () => {
    const words = [
      "sh",
      "-c",
      "tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ",
      "",
      "a b",
      "*",
      "caf\u00e9 \u{1f980}",
      "--",
    ];
    const environment = ["A=1", "A=2", "=odd", "nothing", "EMPTY=", "W\u00dc=\u{1f980}"];
    await evaluate(`${prelude("words")}
      say(wait(native.spawn("/bin/sh", ${JSON.stringify(words)}, ${JSON.stringify(environment)}, 0, create(""), 2)));`);
    expect(written("words")).toBe([...words, ...environment, ""].join("\n"));
  });

  test("may have ten thousand words", async () => {
    await evaluate(`${prelude("many")}
      const words = ["sh", "-c", "echo $#", "sh", ...Array.from({ length: 10000 }, (_, at) => String(at))];
      say(wait(native.spawn("/bin/sh", words, [], 0, create(""), 2)));`);
    expect(written("many")).toBe("10000\n");
  });

  test("has no signal blocked, and SIGPIPE as it is by default, whatever is blocked here", async () => {
    await evaluate(`${prelude("signals")}
      native.rt_sigprocmask(0, new Uint8Array(8).fill(0xff), null);
      // No shell: it would set both itself.
      const words = ["grep", "-E", "^(SigBlk|SigIgn)", "/proc/self/status"];
      say(wait(native.spawn("/bin/grep", words, [], 0, create(""), 2)));`);
    const [, blocked = "", ignored = ""] =
      /^SigBlk:\t(\w+)\nSigIgn:\t(\w+)\n$/.exec(written("signals")) ?? [];
    expect(Number.parseInt(blocked, 16)).toBe(0);
    const SIGPIPE = 13n;
    expect((BigInt(`0x${ignored}`) >> (SIGPIPE - 1n)) & 1n).toBe(0n);
  });

  test("is killed when the one that started it is, however that ends", async () => {
    await using script = await writeModule(`
      const child = native.spawn("/bin/sleep", ["sleep", "1000"], [], 0, 1, 2);
      console.log(String(child));
      native.ppoll(new Uint8Array(0), null);`);
    const parent = execa(evaluator, script.words, { reject: false, buffer: false });
    const [line] = await Promise.race([once(parent.stdout, "data"), parent.then(() => [""])]);
    const child = `/proc/${String(line).trim()}`;
    expect(readFileSync(`${child}/comm`, "utf8")).toBe("sleep\n");
    parent.kill("SIGKILL");
    await expect.poll(() => existsSync(child)).toBe(false);
  });

  test("is killed also when the one that started it returns", async () => {
    const child = await evaluate<number>(
      'say(native.spawn("/bin/sleep", ["sleep", "1000"], [], native.openat(-100, "/dev/null", 2, 0), native.openat(-100, "/dev/null", 2, 0), 2));',
    );
    expect(child).toBeGreaterThan(1);
    await expect.poll(() => existsSync(`/proc/${child}`)).toBe(false);
  });
});
