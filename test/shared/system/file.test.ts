import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, evaluator, type Node, writeModule } from "../../helpers/index.ts";
import { doOnNode, onNode, program } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const read = (path: string) => readFileSync(node.path(path), "utf8");
const write = (path: string, text: string) => writeFileSync(node.path(path), text);

/** Runs a program with a mask of permissions that new files do not get, umask(2). */
const runMasked = (mask: string, { words }: { readonly words: readonly string[] }) =>
  node.exec("sh", ["-c", `umask ${mask}; exec "$@"`, "sh", evaluator, ...words]);

describe.runIf(canRun("ip"))("a file that is written", () => {
  test("holds the text, with the mode that was asked for, and its status is returned", async () => {
    await using script = await writeModule(
      program('say(files.writeFile("/run/new", "caf\u00e9\\n", 0o666));'),
    );
    const status: object = JSON.parse((await runMasked("027", script)).stdout);
    expect(read("/run/new")).toBe("caf\u00e9\n");
    const { mode, ino, size } = statSync(node.path("/run/new"));
    expect(mode & 0o777).toBe(0o640);
    expect(status).toMatchObject({ inode: String(ino), size: String(size), isFile: true });
  });

  test("has nothing left of a longer one before it, and keeps its mode", async () => {
    write("/run/old", "something long");
    await doOnNode(node, 'files.writeFile("/run/old", "new", 0o600);');
    expect(read("/run/old")).toBe("new");
    expect(statSync(node.path("/run/old")).mode & 0o777).toBe(0o644);
  });

  test("is not written through a symbolic link", async () => {
    write("/run/precious", "precious");
    symlinkSync("precious", node.path("/run/link"));
    const refused = await onNode(node, 'say(failure(() => files.writeFile("/run/link", "evil", 0o600)));');
    expect(refused).toMatchObject({
      name: "SystemError",
      errno: 40,
      message: expect.stringContaining("/run/link"),
    });
    expect(read("/run/precious")).toBe("precious");
  });

  test("is the only one of its name when it must be new", async () => {
    const flags = "files.OpenFlag.exclusive";
    const outcome = await onNode(
      node,
      `files.writeFile("/run/one", "first", 0o600, ${flags});
       say(failure(() => files.writeFile("/run/one", "second", 0o600, ${flags})));`,
    );
    expect(outcome).toEqual({ name: "SystemError", errno: 17, message: "open /run/one: already exists" });
    expect(read("/run/one")).toBe("first");
  });

  test("may be as large as memory allows", async () => {
    await doOnNode(node, 'files.writeFile("/run/large", "0123456789".repeat(1e6), 0o600);');
    expect(statSync(node.path("/run/large")).size).toBe(10_000_000);
    const length = await onNode(node, 'say(files.readText("/run/large").length);');
    expect(length).toBe(10_000_000);
  });

  test("on a full device fails with the name of what was written", async () => {
    const outcome = await onNode(
      node,
      `const full = files.openFile("/dev/full", files.OpenFlag.writeOnly);
       say(failure(() => files.writeAll(full, "x", "/dev/full")));`,
    );
    expect(outcome).toEqual({
      name: "SystemError",
      errno: 28,
      message: "write /dev/full: no space left on device",
    });
  });
});

describe.runIf(canRun("ip"))("a file that is read", () => {
  test("gives its text, in however many pieces it comes", async () => {
    const texts = ["", "x", "caf\u00e9 \u{1f980}\n", "y".repeat(4095), "z".repeat(4096), "w".repeat(100_001)];
    for (const [at, each] of texts.entries()) write(`/run/${at}`, each);
    const got = await onNode(
      node,
      `say(${JSON.stringify(texts.map((_, at) => `/run/${at}`))}.map(files.readText));`,
    );
    expect(got).toEqual(texts);
  });

  test("is undefined when it is missing, and a failure when it must be there", async () => {
    write("/run/file", "x");
    const outcome = await onNode(
      node,
      `say([files.readTextIfPresent("/run/none") ?? null, files.readTextIfPresent("/run/file/x") ?? null,
            files.readSmallText("/run/none") ?? null, failure(() => files.readText("/run/none"))]);`,
    );
    const message = "open /run/none: no such file or directory";
    expect(outcome).toEqual([null, null, null, { name: "SystemError", errno: 2, message }]);
  });

  test("is a failure when it is a folder", async () => {
    const outcome = await onNode(node, 'say(failure(() => files.readTextIfPresent("/run")));');
    expect(outcome).toMatchObject({ errno: 21, message: "read /run: is a directory" });
  });

  test("of the kernel is read in one piece", async () => {
    const value = await onNode(node, 'say(files.readSmallText("/proc/sys/net/ipv4/ip_forward"));');
    expect(value).toBe(`${(await node.exec("cat", ["/proc/sys/net/ipv4/ip_forward"])).stdout}\n`);
  });
});

describe.runIf(canRun("ip"))("a path", () => {
  test("with a NUL in it names no file, and not the one before the NUL", async () => {
    write("/run/a", "x");
    const outcomes = await onNode<{ errno: number }[]>(
      node,
      `const path = "/run/a\\0b";
       say([failure(() => files.readText(path)), failure(() => files.removeFile(path)),
            failure(() => files.writeFile(path, "y", 0o600)), failure(() => statuses.fileExists(path))]);`,
    );
    expect(outcomes.map(({ errno }) => errno)).toEqual([22, 22, 22, 22]);
    expect(read("/run/a")).toBe("x");
  });

  test("of a link is read, and of anything else is not", async () => {
    symlinkSync("where it/leads \u00fc", node.path("/run/link"));
    write("/run/file", "");
    const got = await onNode(
      node,
      'say(["/run/link", "/run/file", "/run/none"].map((path) => files.readLink(path) ?? null));',
    );
    expect(got).toEqual(["where it/leads \u00fc", null, null]);
  });
});

describe.runIf(canRun("ip"))("a file that is moved", () => {
  test("takes a free name, and leaves a taken one alone", async () => {
    write("/run/a", "a");
    write("/run/b", "b");
    const moved = await onNode(
      node,
      'say([files.renameToFreeName("/run/a", "/run/b"), files.renameToFreeName("/run/a", "/run/c"), failure(() => files.renameToFreeName("/run/a", "/run/d"))]);',
    );
    expect(moved).toMatchObject([false, true, { errno: 2 }]);
    expect([read("/run/b"), read("/run/c")]).toEqual(["b", "a"]);
  });

  test("takes the place of one that has the name", async () => {
    write("/run/a", "a");
    write("/run/b", "b");
    const moved = await onNode(
      node,
      'files.renameFile("/run/a", "/run/b"); say(failure(() => files.renameFile("/run/a", "/run/b")));',
    );
    expect(moved).toMatchObject({ errno: 2, message: expect.stringContaining("/run/b") });
    expect(read("/run/b")).toBe("a");
  });

  test("is gone when it is removed, and removing it again finds nothing", async () => {
    write("/run/a", "a");
    mkdirSync(node.path("/run/folder"));
    const removed = await onNode(
      node,
      'say([files.removeFile("/run/a"), files.removeFile("/run/a"), files.removeFile("/run/a/b"), failure(() => files.removeFile("/run/folder"))]);',
    );
    expect(removed).toMatchObject([true, false, false, { errno: 21 }]);
  });
});

describe.runIf(canRun("ip"))("an open file", () => {
  test("is read piece by piece, from any position", async () => {
    write("/run/file", "0123456789");
    const pieces = await onNode(
      node,
      `const descriptor = files.openFile("/run/file", files.OpenFlag.readOnly);
       const buffer = new Uint8Array(4);
       say([6, 0, 8, 10, 99].map((at) => text(buffer.subarray(0, files.readAt(descriptor, buffer, at, "it")))));`,
    );
    expect(pieces).toEqual(["6789", "0123", "89", "", ""]);
  });

  test("gets the permissions that it is given, whatever the mask is", async () => {
    write("/run/file", "");
    await using script = await writeModule(
      program('files.setPermissions(files.openFile("/run/file", 0), 0o4755, "it");'),
    );
    await runMasked("077", script);
    expect(statSync(node.path("/run/file")).mode & 0o7777).toBe(0o4755);
  });

  test("can be flushed to the disk, as the names in a folder can", async () => {
    write("/run/file", "");
    const trace = ["-f", "-qq", "-y", "-o", "/run/trace", "-e", "trace=fsync"];
    await using script = await writeModule(
      program('files.syncFile(files.openFile("/run/file", 0), "it"); directories.syncDirectory("/run");'),
    );
    await node.exec("strace", [...trace, evaluator, ...script.words]);
    expect(read("/run/trace").match(/fsync\(\d+<.*>\) += 0/g)).toEqual([
      expect.stringContaining("</run/file>"),
      expect.stringContaining("</run>"),
    ]);
    const outcome = await onNode(node, 'say(failure(() => files.syncFile(99, "nothing")));');
    expect(outcome).toMatchObject({ errno: 9, message: expect.stringMatching(/^fsync nothing: /) });
  });

  test("is read to its end as far as what is asked before each read allows", async () => {
    write("/run/file", "0123456789");
    const outcome = await onNode(
      node,
      `const asked = [];
       const read = (ask) => text(files.readAll(files.openFile("/run/file", 0), "it", ask));
       say([read(() => asked.push(1)), asked.length, failure(() => read(() => { throw new Error("stop"); }))]);`,
    );
    expect(outcome).toMatchObject(["0123456789", 2, { message: "stop" }]);
  });
});

describe.runIf(canRun("ip"))("a file's time", () => {
  test("is what it was set to, to the nanosecond", async () => {
    const latest = 4_000_000_000n * 1_000_000_000n;
    const times = fc.sample(fc.bigInt({ min: 0n, max: latest }), 30);
    times.forEach((_, at) => {
      write(`/run/${at}`, "");
    });
    const statements = times.map(
      (time, at) =>
        `files.setModified("/run/${at}", ${time}n); seen.push(statuses.fileStatus("/run/${at}").modified);`,
    );
    const seen = await onNode<string[]>(node, `const seen = [];\n${statements.join("\n")}\nsay(seen);`);
    expect(seen).toEqual(times.map(String));
    const witness = times.map((_, at) => statSync(node.path(`/run/${at}`), { bigint: true }).mtimeNs);
    expect(witness).toEqual(times);
  });
});
