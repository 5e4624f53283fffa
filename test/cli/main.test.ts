import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { podwire, run } from "./podwire.ts";

const commands = ["add", "check", "del", "gc", "status", "list", "validate", "completion"];

describe("podwire", () => {
  test("names its commands and exit codes in its help", async () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { exitCode, stdout, stderr } = await run(args);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
      for (const code of [0, 1, 2]) expect(stdout).toMatch(new RegExp(`^  ${code}  \\S`, "m"));
    }
  });

  test.each(commands)("says how %s is called", async (name) => {
    const [long, short, topic] = await Promise.all([
      run([name, "--help"]),
      run([name, "-h"]),
      run(["help", name]),
    ]);
    expect(long).toMatchObject({ exitCode: 0, stderr: "" });
    expect(long.stdout).toContain(`usage: podwire ${name}`);
    expect(long.stdout).toContain("--help");
    expect([short.stdout, topic.stdout]).toEqual([long.stdout, long.stdout]);
  });

  test("without a command shows its help on standard error", async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain("usage: podwire COMMAND");
  });

  test.each([
    [["attach"], "attach"],
    [["toString"], "toString"],
    [["help", "attach"], "attach"],
    [["list", "--colour"], "--colour"],
    [["list", "now"], "no arguments"],
    [["add"], "NET and NETNS"],
    [["add", "net"], "NET and NETNS"],
    [["del", "net", "/run/netns/a", "more"], "more"],
    [["add", "", "/run/netns/a"], "empty"],
    [["add", "--container-id"], "--container-id"],
    [["add", "net", "/x", "--container-id", "a", "--container-id", "b"], "more than once"],
    [["gc"], "NET"],
    [["validate"], "FILE"],
    [["completion", "csh"], "bash"],
  ])("refuses %j with code 2", async (args, words) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(words);
  });

  test.each([
    [["add", "--json"], "NET and NETNS are needed"],
    [["add", "--json", "net", "/x", "--no-such"], "--no-such"],
    [["list", "--json", "now"], "no arguments"],
    [["validate", "--json"], "FILE"],
    [["attach", "--json"], "attach"],
  ])("says what is wrong with %j as JSON too", async (args, words) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
    expect(JSON.parse(stdout)).toMatchObject({ code: 4, msg: expect.stringContaining(words) });
  });

  test("takes no --json behind -- for an option", async () => {
    expect(await run(["add", "--", "--json"])).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("prints nothing but plain text where there is no terminal", async () => {
    for (const args of [["--help"], ["list", "--help"]])
      expect((await run(args, { TERM: "xterm" })).stdout).not.toContain("\u001b");
  });

  test("needs no working folder, unless a path is relative to it", async () => {
    const line = `cd "$(mktemp -d)" && rmdir "$PWD" && '${podwire}' --version && '${podwire}' check net some/netns`;
    const { exitCode, stdout, stderr } = await execa("sh", ["-c", line], { reject: false });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringMatching(/^podwire \d/) });
    expect(stderr).toContain("some/netns is relative to the working folder, which is gone");
  });

  test("says its version", async () => {
    expect(await run(["--version"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^podwire \d/),
    });
  });
});
