import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { canRun } from "../helpers/index.ts";
import { bridge, files, network, podwire, run } from "./podwire.ts";

const script = async (shell: string) => (await run(["completion", shell])).stdout;

/** What bash offers for the last of these words. */
async function offeredByBash(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=('${podwire}' ${quoted}); COMP_CWORD=${words.length}; _podwire; printf '%s\\n' "\${COMPREPLY[@]}"`;
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

/** What fish offers for a line, with a folder for its home and for networks. */
async function offeredByFish(folder: string, line: string): Promise<string> {
  const ask = `source ${folder}/podwire.fish; complete -C '${line}'`;
  const options = { cwd: folder, env: { HOME: folder, NETCONFPATH: folder } };
  const { stdout, stderr } = await execa("fish", ["--no-config", "-c", ask], options);
  expect(stderr).toBe("");
  return stdout;
}

/** zsh completes at a terminal only. There ^X^O writes what would be shown into a file. */
const zshrc = `autoload -U compinit; fpath=($ZDOTDIR $fpath); compinit -u -D
compadd() {
  local -a shown
  builtin compadd -O shown "$@"
  print -rl -- $shown >> $ZDOTDIR/shown
}
offer() { _main_complete; : > $ZDOTDIR/done }
zle -C offer list-choices offer
bindkey '^X^O' offer
: > $ZDOTDIR/ready
`;

/** Types a line into a zsh that has a terminal, and the keys behind it. */
const typing = (line: string) => `zmodload zsh/zpty
await() { until [[ -e $ZDOTDIR/$1 ]]; do zpty -r -t shell; sleep 0.05; done >/dev/null }
zpty shell zsh -d -i
await ready
zpty -w -n shell "${line}"$'\\x18\\x0f'
await done
sort -u $ZDOTDIR/shown | grep .`;

/** What zsh offers for a line. */
async function offeredByZsh(line: string): Promise<string[]> {
  using folder = files({ ...networks, _podwire: await script("zsh"), ".zshrc": zshrc, c1: "" });
  const { path } = folder;
  const options = { cwd: path, env: { HOME: path, ZDOTDIR: path, NETCONFPATH: path }, timeout: 30_000 };
  const { stdout } = await execa("zsh", ["-f", "-c", typing(`${podwire} ${line}`)], options);
  expect(existsSync(join(path, "run"))).toBe(false);
  return stdout.split("\n").sort();
}

/** Two networks, one that no shell may take for a command of its own, and what is no network. */
const networks = {
  "10-first.conflist": network({ name: "first" }),
  "20-list.conf": { ...bridge, name: "list", cniVersion: "1.0.0" },
  "30-bad.conflist": network({ name: "$(touch run)" }),
  "40-broken.conflist": "{",
};

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

  test("offers networks where one is meant, and files behind it", async () => {
    using folder = files({ ...networks, "ns/c1": "" });
    process.env["NETCONFPATH"] = folder.path;
    try {
      for (const command of ["add", "check", "del", "gc", "status"])
        expect(await offeredByBash(command, "")).toEqual(["first", "list"]);
      expect(await offeredByBash("add", "--container-id", "c1", "--json", "fi")).toEqual(["first"]);
      expect(await offeredByBash("add", "--container-id", "=", "c1", "fi")).toEqual(["first"]);
      const path = join(folder.path, "ns");
      expect(await offeredByBash("add", "list", `${path}/`)).toEqual([join(path, "c1")]);
      expect(existsSync(join(folder.path, "run"))).toBe(false);
    } finally {
      delete process.env["NETCONFPATH"];
    }
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
    const offered = async (line: string) => offeredByFish(folder.path, line);
    expect(await offered("podwire va")).toMatch(/^validate\treport errors/);
    expect(await offered("podwire gc --a")).toMatch(/^--all\tdetach all/);
    expect((await offered("podwire completion ")).split("\n").sort()).toEqual(["bash", "fish", "zsh"]);
  });
});

describe.runIf(canRun("fish"))("completion for fish, of arguments,", () => {
  test("offers networks where one is meant, and files behind it", async () => {
    using folder = files({ ...networks, "podwire.fish": await script("fish"), c1: "" });
    const offered = async (line: string) =>
      (await offeredByFish(folder.path, `${podwire} ${line}`)).split("\n").sort();
    for (const command of ["add", "check", "del", "gc", "status"])
      expect(await offered(`${command} `)).toEqual(["first", "list"]);
    expect(await offered("add --container-id c1 --json fi")).toEqual(["first"]);
    expect(await offered("add list c")).toEqual(["c1"]);
    expect(await offered("install --conf 10-f")).toEqual(["10-first.conflist"]);
    expect(existsSync(join(folder.path, "run"))).toBe(false);
  });
});

describe.runIf(canRun("zsh"))("completion for zsh", () => {
  test("is a function that zsh takes for the command", async () => {
    using folder = files({ _podwire: await script("zsh") });
    const ask = `autoload -U compinit; fpath=(${folder.path} $fpath); compinit -u -D; print $_comps[podwire]; autoload +X _podwire && print loaded`;
    const { stdout } = await execa("zsh", ["-f", "-c", ask], { env: { HOME: folder.path } });
    expect(stdout.split("\n")).toEqual(["_podwire", "loaded"]);
  });

  test("offers networks where one is meant, and files behind it", async () => {
    expect(await offeredByZsh("add ")).toEqual(["first", "list"]);
    expect(await offeredByZsh("add --container-id c1 --json fi")).toEqual(["first"]);
    expect(await offeredByZsh("add list c")).toEqual(["c1"]);
  });
});
