import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node, type RunningCommand } from "../../helpers/index.ts";
import { onNode, startOnNode } from "./run.ts";

const FOLDER = "/run/podwire/locks";
const path = `${FOLDER}/one`;

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const take = (options = "") =>
  `locks.takeLock({ name: "one", what: "the thing", limitSeconds: 20, ${options} })`;

/** A process that takes the lock, says so, and keeps it until it is killed. */
const hold = (options = ""): Promise<RunningCommand> =>
  startOnNode(node, `${take(options)}; say("ready"); polls.pause(1_000_000);`);

interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly details: string;
}

/** Tries to have the lock at once: true, or the error. */
const attempt = (options = ""): Promise<true | Refusal> =>
  onNode(
    node,
    `try { ${take(`limitSeconds: 0.05, ${options}`)}; say(true); }
     catch (thrown) { say({ code: thrown.code, message: thrown.message, details: thrown.details }); }`,
  );

const mode = (file: string) => (statSync(node.path(file)).mode & 0o777).toString(8);

describe.runIf(canRun("ip", "mkfifo", "mkdir", "setpriv"))("a lock", () => {
  test("is had by one, or shared by several", async () => {
    const first = await hold();
    expect(await attempt()).toMatchObject({ code: 11 });
    await first.stop("SIGKILL");
    await hold(`mode: "shared"`);
    await hold(`mode: "shared"`);
    expect(await attempt(`mode: "shared"`)).toBe(true);
    expect(await attempt()).toMatchObject({ code: 11 });
  });

  test("is waited for", async () => {
    const holder = await hold();
    const waiting = startOnNode(node, `say("ready"); ${take()}; polls.pause(1_000_000);`);
    const second = await waiting;
    await holder.stop("SIGKILL");
    // The next one waits for the second one.
    await expect
      .poll(() => attempt())
      .toMatchObject({ message: expect.stringContaining(`PID ${second.pid} `) });
  });

  test("names its holder, PID and command, when it is not free in time", async () => {
    const holder = await hold();
    const refusal = await attempt();
    expect(refusal).toMatchObject({
      code: 11,
      message: expect.stringMatching(
        new RegExp(
          `works on the thing: the lock ${path} was not free within 0.05 s.* PID ${holder.pid} \\(.*evaluate run`,
        ),
      ),
      details: expect.stringContaining("PODWIRE_LOCK_TIMEOUT"),
    });
  });

  test("stays with a child of a killed holder, which is named then", async () => {
    const child = `runProcess("/bin/sh", { arguments: ["-c", "sleep 1000 & echo $! > /run/child; wait"], environment: {} })`;
    const holder = await startOnNode(node, `${take()}; say("ready"); ${child};`);
    await expect.poll(() => existsSync(node.path("/run/child"))).toBe(true);
    const read = async () => (await node.exec("cat", ["/run/child"])).stdout.trim();
    await expect.poll(read).toMatch(/\d/);
    await holder.stop("SIGKILL");
    expect(await attempt()).toMatchObject({
      message: expect.stringContaining(`PID ${await read()} (sleep 1000)`),
    });
    await node.exec("kill", ["-9", await read()]);
    await expect.poll(() => attempt()).toBe(true);
  });

  test("is free when its holder releases it, though a child of it goes on", async () => {
    const child = `runProcess("/bin/sh", { arguments: ["-c", "sleep 1000 > /dev/null 2>&1 &"], environment: {} })`;
    await startOnNode(
      node,
      `const lock = ${take()}; ${child}; lock.release(); say("ready"); polls.pause(1_000_000);`,
    );
    expect(await attempt()).toBe(true);
  });

  test("is a file of root in a folder that no other user can enter", async () => {
    const before = process.umask(0);
    try {
      await attempt();
    } finally {
      process.umask(before);
    }
    expect([mode(FOLDER), mode(path)]).toEqual(["700", "600"]);
    const other = ["--reuid=65534", "--regid=65534", "--clear-groups", "flock", "-n", path, "true"];
    expect((await node.exec("setpriv", other, { reject: false })).exitCode).not.toBe(0);
  });

  test("of a holder that removes the file is had by one of those who wait, under the same name", async () => {
    const rounds = 300;
    const count = `
      for (let round = 0; round < ${rounds}; round++) {
        const lock = ${take()};
        const before = Number(files.readTextIfPresent("/run/count") ?? "0");
        files.writeFile("/run/count", String(before + 1), 0o600);
        lock.remove();
      }
      say("ready");`;
    await Promise.all(Array.from({ length: 4 }, () => startOnNode(node, count)));
    expect((await node.exec("cat", ["/run/count"])).stdout).toBe(String(4 * rounds));
    expect(existsSync(node.path(path))).toBe(false);
  });
});

describe.runIf(canRun("ip", "mkfifo"))("in place of a lock", () => {
  beforeEach(() => {
    mkdirSync(node.path(FOLDER), { recursive: true, mode: 0o700 });
  });
  const isRepaired = () => {
    const status = lstatSync(node.path(path));
    return status.isFile() && status.uid === 0 && (status.mode & 0o777) === 0o600;
  };

  test.each<[string, () => unknown]>([
    ["a FIFO", () => node.exec("mkfifo", [node.path(path)])],
    ["a device", () => node.exec("mknod", [node.path(path), "c", "1", "5"])],
    ["an empty folder", () => mkdirSync(node.path(path))],
    ["a link to a file", () => symlinkSync("/run/target", node.path(path))],
    ["a link to itself", () => symlinkSync("one", node.path(path))],
    ["a file that others can open", () => writeFileSync(node.path(path), "", { mode: 0o644 })],
    [
      "a file of another owner",
      () => {
        writeFileSync(node.path(path), "", { mode: 0o600 });
        chownSync(node.path(path), 65534, 65534);
      },
    ],
  ])("%s gives way", async (_, make) => {
    writeFileSync(node.path("/run/target"), "not ours");
    await make();
    expect(await attempt()).toBe(true);
    expect(isRepaired()).toBe(true);
    expect(statSync(node.path("/run/target")).size).toBe(8);
  });

  test("a file that another process has locked, and that others can open, keeps no call waiting", async () => {
    writeFileSync(node.path(path), "", { mode: 0o644 });
    await using holder = node.start("flock", ["--no-fork", path, "sh", "-c", "echo held; exec sleep 1000"]);
    await holder.firstLine();
    expect(await attempt()).toBe(true);
  });

  test("a folder that holds something stays, and the error names it", async () => {
    mkdirSync(node.path(`${path}/kept`), { recursive: true });
    expect(await attempt()).toMatchObject({
      code: 5,
      message: expect.stringContaining(`${path} is a folder`),
    });
    expect(existsSync(node.path(`${path}/kept`))).toBe(true);
  });
});

describe.runIf(canRun("ip", "mkfifo"))("in place of the folder of locks", () => {
  const root = "/run/podwire";

  test.each<[string, () => unknown]>([
    ["a FIFO", () => node.exec("mkfifo", [node.path(FOLDER)])],
    ["an empty file", () => writeFileSync(node.path(FOLDER), "")],
    ["a link to another folder", () => symlinkSync("/run/elsewhere", node.path(FOLDER))],
    ["a folder that others can enter", () => mkdirSync(node.path(FOLDER), { mode: 0o755 })],
    [
      "a folder of another owner",
      () => {
        mkdirSync(node.path(FOLDER), { mode: 0o700 });
        chownSync(node.path(FOLDER), 65534, 65534);
      },
    ],
  ])("%s becomes ours", async (_, make) => {
    mkdirSync(node.path("/run/elsewhere"));
    chmodSync(node.path("/run/elsewhere"), 0o755);
    mkdirSync(node.path(root));
    await make();
    expect(await attempt()).toBe(true);
    expect(lstatSync(node.path(FOLDER))).toMatchObject({ uid: 0 });
    expect([lstatSync(node.path(FOLDER)).isDirectory(), mode(FOLDER)]).toEqual([true, "700"]);
    expect([mode("/run/elsewhere"), existsSync(node.path("/run/elsewhere/one"))]).toEqual(["755", false]);
  });

  test.each<[string, () => unknown, string]>([
    ["a file with a text", () => writeFileSync(node.path(root), "text"), `${root} is a file`],
    ["a FIFO", () => node.exec("mkfifo", [node.path(root)]), `${root} is a FIFO`],
    [
      "a link that leads nowhere",
      () => symlinkSync("/run/nowhere", node.path(root)),
      `${root} is a symbolic link`,
    ],
  ])("%s above it is named", async (_, make, words) => {
    await make();
    expect(await attempt()).toMatchObject({ code: 5, message: expect.stringContaining(words) });
    expect(existsSync(node.path("/run/nowhere"))).toBe(false);
  });
});

describe.runIf(canRun("ip"))("sweepLocks", () => {
  test("removes the files that no process has and that have no text", async () => {
    await hold();
    await onNode(
      node,
      `for (const name of ["free", "text"]) {
         const lock = locks.takeLock({ name, what: "", limitSeconds: 1 });
         if (name === "text") lock.write("kept");
         lock.release();
       }
       locks.sweepLocks();
       say(null);`,
    );
    expect((await node.exec("ls", [FOLDER])).stdout.trim().split("\n")).toEqual(["one", "text"]);
    expect(await attempt()).toMatchObject({ code: 11 });
  });
});
