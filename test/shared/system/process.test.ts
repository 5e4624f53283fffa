import { chmodSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createNode, type Node, requireRoot, runModule } from "../../helpers/index.ts";

interface Outcome {
  readonly exitCode?: number;
  readonly signal?: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** In place of an outcome: why it could not be started. */
  readonly failure?: string;
}

describe.runIf(requireRoot())("runProcess", () => {
  let node: Node;
  beforeEach(async () => {
    node = await createNode();
  });
  afterEach(() => node.dispose());

  const script = (name: string, text: string): string => {
    writeFileSync(node.path(`/run/${name}`), text);
    chmodSync(node.path(`/run/${name}`), 0o755);
    return `/run/${name}`;
  };

  const run = (path: string, options: object = {}, input = "undefined"): Promise<Outcome> =>
    runModule<Outcome>(
      node,
      `import { runProcess } from "./shared/system/process.ts";
       import { decodeText, encodeText } from "./shared/system/text.ts";
       const text = decodeText;
       const options = { environment: {}, timeoutMilliseconds: 20000, ...${JSON.stringify(options)} };
       const input = ${input};
       try {
         const outcome = runProcess(${JSON.stringify(path)}, input === undefined ? options : { ...options, input });
         const [stdout, stderr] = [outcome.stdout, outcome.stderr].map(text);
         console.log(JSON.stringify({ ...outcome, stdout, stderr }));
       } catch (thrown) {
         console.log(JSON.stringify({ failure: thrown.message }));
       }`,
    );
  const shell = (text: string, options: object = {}) =>
    run("/bin/sh", { arguments: ["-c", text], ...options });

  test("returns both outputs as they are, and the exit code", async () => {
    expect(await shell("echo out; echo err >&2; exit 3")).toMatchObject({
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
      timedOut: false,
    });
    expect(await shell("kill -9 $$")).toMatchObject({ signal: "SIGKILL", timedOut: false });
    expect((await shell("printf '\\0\\1{'")).stdout).toBe("\0\u0001{");
  });

  test("gives the arguments and the environment as they are asked for, and nothing else", async () => {
    const file = script("show", '#!/bin/sh\nfor each; do echo "[$each]"; done\n/usr/bin/env\n');
    const { stdout } = await run(file, { arguments: ["a b", "", "*"], environment: { ONLY: "this" } });
    expect(stdout).toMatch(/^\[a b\]\n\[\]\n\[\*\]\n/);
    expect(stdout).toContain("ONLY=this\n");
    expect(stdout).not.toMatch(/^(PATH|HOME)=/m);
  });

  test("passes ten megabytes in and out, and does not mind a child that reads none of it", async () => {
    const input = 'encodeText("x".repeat(10_000_000))';
    const { stdout, exitCode } = await run("/bin/cat", {}, input);
    expect([stdout.length, exitCode]).toEqual([10_000_000, 0]);
    expect(await run("/bin/true", {}, input)).toMatchObject({ exitCode: 0, stdout: "" });
  });

  test("does not wait for what the child leaves behind, though it holds the output open", async () => {
    const outcome = await shell("(sleep 15 &); echo done");
    expect(outcome).toMatchObject({ exitCode: 0, stdout: "done\n", timedOut: false });
    const left = (await node.exec("sh", ["-c", "grep -la ^sleep /proc/[0-9]*/cmdline"], { reject: false }))
      .stdout;
    expect(left).not.toBe("");
  });

  test("kills a child whose time is over, and says what it printed until then", async () => {
    const outcome = await shell("trap '' TERM; echo begun; while :; do :; done", {
      timeoutMilliseconds: 300,
    });
    expect(outcome).toMatchObject({ signal: "SIGKILL", timedOut: true, stdout: "begun\n" });
    expect(outcome.exitCode).toBeUndefined();
  });

  test("kills what such a child has started, too", async () => {
    const outcome = await shell("sleep 1000 & echo $!; wait", { timeoutMilliseconds: 300 });
    expect(outcome).toMatchObject({ signal: "SIGKILL", timedOut: true });
    const state = async () =>
      (await node.exec("sh", ["-c", `cat /proc/${outcome.stdout.trim()}/stat`], { reject: false })).stdout;
    // Gone, or a zombie that its new parent has not waited for.
    await expect.poll(state).toMatch(/^$|^\d+ \(sleep\) Z/);
  });

  test("waits for a child that has no limit, and passes on what it says of errors", async () => {
    const options = { timeoutMilliseconds: undefined, standardError: "inherit" };
    expect(await shell("sleep 0.1; echo out; echo err >&2", options)).toMatchObject({
      exitCode: 0,
      stdout: "out\n",
      stderr: "",
      timedOut: false,
    });
  });

  test("keeps what a script writes to /dev/stdout after what it has written there", async () => {
    expect((await shell("echo first > /dev/stdout; echo second")).stdout).toBe("first\nsecond\n");
  });

  test.each([
    ["/run/missing", "no such file or directory"],
    ["/run", "permission denied"],
    ["/proc/version", "permission denied"],
  ])("says why %s cannot be started", async (path, reason) => {
    expect(await run(path)).toEqual({ failure: `exec ${path}: ${reason}` });
  });

  test("says that a file of garbage is no program", async () => {
    const { failure } = await run(script("garbage", "\u0001\u0002no program"));
    expect(failure).toContain("not an executable this kernel can run");
  });

  test("waits for an installer to finish writing the program, but not for ever", async () => {
    await node.exec("cp", ["/bin/true", "/run/busy"]);
    const hold = (seconds: string) =>
      node.start("sh", ["-c", `exec 9>>/run/busy; echo held; exec sleep ${seconds}`]);
    await hold("0.15").firstLine();
    expect(await run("/run/busy")).toMatchObject({ exitCode: 0 });
    const holder = hold("30");
    await holder.firstLine();
    expect(await run("/run/busy")).toEqual({ failure: "exec /run/busy: text file busy" });
    await holder.stop();
  });

  test("finds programs in folders, in order, and no folder, plain file or path", async () => {
    await node.exec("mkdir", ["-p", "/run/a/tool", "/run/b", "/run/c", "/run/d"]);
    script("b/tool", "#!/bin/sh\n");
    chmodSync(node.path("/run/b/tool"), 0o644);
    for (const folder of ["c", "d"]) script(`${folder}/tool`, "#!/bin/sh\n");
    const found = await runModule<unknown[]>(
      node,
      `import { findExecutable, programFolders } from "./shared/system/process.ts";
       const folders = ["/run/a", "/run/b/", "/run/missing", "/run/c/", "/run/d"];
       const names = ["tool", "c/tool", "../run/c/tool", "", "absent"];
       console.log(JSON.stringify([
         ...names.map((name) => findExecutable(name, folders) ?? null),
         programFolders({ PATH: "relative::/run/c:" }),
         programFolders({}).includes("/usr/sbin"),
       ]));`,
    );
    expect(found.slice(0, 5)).toEqual(["/run/c/tool", null, null, null, null]);
    expect(found[5]).toEqual(["/run/c", ...(found[5] as string[]).slice(1)]);
    expect(found[5]).not.toContain("relative");
    expect(found[6]).toBe(true);
  });
});
