import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { canRun } from "../helpers/index.ts";
import { files, podwire, run } from "./podwire.ts";

const script = async (shell: string) => (await run(["completion", shell])).stdout;

/** What bash offers for the last of these words. */
async function offeredByBash(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(podwire ${quoted}); COMP_CWORD=${words.length}; _podwire; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execa("bash", ["--norc", "-c", `${await script("bash")}\n${ask}`]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

/** What a terminal shows of these keys: script(1) makes one. They are typed when bash has prompted for them. */
async function typedToBash(cwd: string, keys: string): Promise<string> {
  using start = files({ rc: `source <(${podwire} completion bash)\nPS1='ready> '\n` });
  const options = { cwd, env: { TERM: "dumb" }, timeout: 20_000 } as const;
  const command = `bash --noprofile --rcfile '${start.path}/rc' -i`;
  const bash = execa("script", ["-qefc", command, "/dev/null"], options);
  bash.stdout.once("data", () => bash.stdin.write(keys));
  return (await bash).stdout;
}

describe("completion for bash", () => {
  test("offers commands, and options of a command", async () => {
    expect(await offeredByBash("va")).toEqual(["validate"]);
    expect(await offeredByBash("")).toEqual(expect.arrayContaining(["add", "del", "list", "help"]));
    expect(await offeredByBash("gc", "-")).toEqual(["--all", "--help", "--json", "-h"]);
    expect(await offeredByBash("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  test("offers files where files are meant", async () => {
    using folder = files({ "10-net.conflist": "{}", "10 and more.conflist": "{}" });
    expect(await offeredByBash("validate", join(folder.path, "10"))).toEqual([
      join(folder.path, "10 and more.conflist"),
      join(folder.path, "10-net.conflist"),
    ]);
  });

  test.runIf(canRun("script"))(
    "completes words as words and paths as paths, whatever folders are there",
    async () => {
      using folder = files({ "list/a b.conflist": "{}" });
      // Away with the line at the end: nothing of it is run.
      const keys = "podwire li\t; podwire validate list/a\t\x15exit\n";
      expect(await typedToBash(folder.path, keys)).toContain(
        "podwire list ; podwire validate list/a\\ b.conflist ",
      );
    },
  );
});

describe.runIf(canRun("fish"))("completion for fish", () => {
  test("offers commands with what they do, and options of a command", async () => {
    using folder = files({ "podwire.fish": await script("fish") });
    const offered = async (line: string) => {
      const ask = `source ${folder.path}/podwire.fish; complete -C '${line}'`;
      return (await execa("fish", ["--no-config", "-c", ask], { env: { HOME: folder.path } })).stdout;
    };
    expect(await offered("podwire va")).toMatch(/^validate\tsay what is wrong/);
    expect(await offered("podwire gc --a")).toMatch(/^--all\tkeep none/);
    expect((await offered("podwire completion ")).split("\n").sort()).toEqual(["bash", "fish", "zsh"]);
  });
});

describe.runIf(canRun("zsh"))("completion for zsh", () => {
  test("is a function that zsh takes for the command", async () => {
    using folder = files({ _podwire: await script("zsh") });
    const ask = `autoload -U compinit; fpath=(${folder.path} $fpath); compinit -u -D; print $_comps[podwire]; autoload +X _podwire && print loaded`;
    const { stdout } = await execa("zsh", ["-f", "-c", ask], { env: { HOME: folder.path } });
    expect(stdout.split("\n")).toEqual(["_podwire", "loaded"]);
  });
});
