import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { distBin } from "../helpers/index.ts";
import { files, network, podwire, run } from "./podwire.ts";

const text = JSON.stringify(network());

describe("podwire validate, of what is in a file,", () => {
  test("refuses what no parser can take, and goes on with the other files", async () => {
    const deep = `{"a": "[[", "b": ${"[".repeat(300_000)}`;
    using folder = files({ "10.conflist": deep, "20.conflist": network() });
    const { exitCode, stdout } = await run(["validate", folder.path]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toEqual([
      `${folder.path}/10.conflist:1:117: error: there are more than 100 levels of brackets here`,
      `${folder.path}/20.conflist: ok`,
    ]);
  });

  test("reports a file that cannot be read", async () => {
    const { exitCode, stdout } = await run(["validate", "/nonexistent/10-net.conflist"]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^\/nonexistent\/10-net\.conflist:1:1: error: .*no such file or directory/);
  });

  test.each([
    [
      "UTF-8 with a byte order mark",
      Buffer.from(`\uFEFF${text}`),
      /begins with a byte order mark.*UTF-8 without/,
    ],
    ["UTF-16", Buffer.from(`\uFEFF${text}`, "utf16le"), /is not UTF-8 text.*UTF-16/],
  ])("names %s as the cause", async (_, content, words) => {
    using folder = files({});
    const file = join(folder.path, "10-net.conflist");
    writeFileSync(file, content);
    const { exitCode, stdout } = await run(["validate", file]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(words);
    expect(stdout.split("\n")).toEqual([expect.stringContaining(`${file}:1:1: error: `)]);
    const { stderr } = await run(["status", "net"], { NETCONFPATH: folder.path });
    expect(stderr).toContain(`${file}:1:1 is skipped: `);
    expect(stderr).toMatch(/byte order mark|not UTF-8/);
  });

  test("waits for no FIFO, and reads no device", async () => {
    using folder = files({ "20-net.conflist": network({ plugins: undefined }), "net/20.conf": "{}" });
    const fifos = ["10.conflist", "net/10.conf"].map((name) => join(folder.path, name));
    await execa("mkfifo", fifos);
    symlinkSync("/dev/zero", join(folder.path, "30.conflist"));
    const { exitCode, stdout } = await run(["validate", folder.path]);
    expect(exitCode).toBe(1);
    for (const fifo of fifos)
      expect(stdout).toContain(`${fifo}:1:1: error: it is a FIFO, not a regular file`);
    expect(stdout).toContain("30.conflist:1:1: error: it is a device, not a regular file");
  });

  test("prints nothing of a file that a terminal would obey", async () => {
    const plugin = { type: "loopback", "\u001b]0;title\u0007": 1, "a\nb": 2, "\u009b2J": 3 };
    using folder = files({ "10-net.conflist": network({ plugins: [plugin] }) });
    const { stdout } = await run(["validate", folder.path]);
    const subjects = stdout.split("\n").map((line) => / warning: plugins\[0\]\.(\S+) /.exec(line)?.[1]);
    expect(subjects).toEqual(["\\u001b]0;title\\u0007", "a\\u000ab", "\\u009b2J"]);
  });

  test("reads standard input for -", async () => {
    const of = (input: string) =>
      execa(podwire, ["validate", "-"], { input, reject: false, env: { CNI_PATH: distBin } });
    expect(await of(text)).toMatchObject({ exitCode: 0, stdout: "-: ok" });
    expect(await of('{\n  "name": 1,,')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("-:2:13: error: "),
    });
    expect((await of(`\uFEFF${text}`)).stdout).toContain("byte order mark");
  });
});
