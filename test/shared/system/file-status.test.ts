import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { doOnNode, onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

interface Status {
  readonly device: string;
  readonly inode: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly size: string;
  readonly modified: string;
}

const statusOf = (path: string) =>
  onNode<Status | null>(node, `say(statuses.fileStatus("${path}") ?? null);`);

describe.runIf(canRun("ip"))("a file's status", () => {
  test("is what stat(2) says", async () => {
    writeFileSync(node.path("/run/file"), "12345");
    for (const path of ["/run/file", "/run", "/dev/null", "/proc/self/ns/net"]) {
      const found = await statusOf(path);
      const witness = await node.exec("stat", ["-L", "-c", "%s %i %F", path]);
      const [size = "", , ...kind] = witness.stdout.split(" ");
      expect(found?.size, path).toBe(size);
      expect(found?.isFile, path).toBe(/regular/.test(kind.join(" ")));
      expect(found?.isDirectory, path).toBe(kind.join(" ") === "directory");
    }
    const { ino, mtimeNs } = statSync(node.path("/run/file"), { bigint: true });
    expect(await statusOf("/run/file")).toMatchObject({ inode: String(ino), modified: String(mtimeNs) });
  });

  test("has its kind and its permissions", async () => {
    const make =
      "cd /run; touch file; chmod 4751 file; mkdir -m 1777 folder; ln -s file link; mkfifo -m 604 pipe; mknod -m 640 block b 7 0; mknod -m 602 char c 1 3";
    await node.exec("sh", ["-c", make]);
    await node.exec("python3", ["-c", "import socket; socket.socket(socket.AF_UNIX).bind('/run/socket')"]);
    const names = ["file", "folder", "link", "pipe", "block", "char", "socket"];
    const seen = await onNode<[string, number][]>(
      node,
      `say(${JSON.stringify(names)}.map((name) => statuses.linkStatus("/run/" + name)).map(({ kind, permissions }) => [kind, permissions]));`,
    );
    expect(seen.map(([kind]) => kind)).toEqual([
      "file",
      "directory",
      "link",
      "fifo",
      "device",
      "device",
      "socket",
    ]);
    const witness = await node.exec("stat", ["-c", "%a", ...names.map((name) => `/run/${name}`)]);
    expect(seen.map(([, mode]) => mode.toString(8))).toEqual(witness.stdout.split("\n"));
  });

  test("of a link itself, or of nothing, is known too", async () => {
    symlinkSync("nowhere", node.path("/run/link"));
    const seen = await onNode(
      node,
      'say([statuses.linkStatus("/run/link").kind, statuses.fileStatus("/run/link") ?? null, statuses.linkStatus("/run/none") ?? null]);',
    );
    expect(seen).toEqual(["link", null, null]);
  });

  test("is that of what a link leads to", async () => {
    writeFileSync(node.path("/run/file"), "12345");
    symlinkSync("file", node.path("/run/link"));
    expect(await statusOf("/run/link")).toEqual(await statusOf("/run/file"));
  });

  test("is undefined where nothing is, and a failure where that is unknown", async () => {
    writeFileSync(node.path("/run/file"), "");
    symlinkSync("loop", node.path("/run/loop"));
    expect([await statusOf("/run/none"), await statusOf("/run/file/x")]).toEqual([null, null]);
    const outcome = await onNode(node, 'say(failure(() => statuses.fileStatus("/run/loop")));');
    expect(outcome).toMatchObject({ errno: 40, message: expect.stringContaining("/run/loop") });
  });

  test("shows whether two are the same file", async () => {
    writeFileSync(node.path("/run/a"), "");
    writeFileSync(node.path("/run/b"), "");
    await node.exec("ln", ["/run/a", "/run/hard"]);
    const same = await onNode(
      node,
      `const status = (path) => statuses.fileStatus(path);
       const descriptor = files.openFile("/run/a", 0);
       say([["/run/a", "/run/hard"], ["/run/a", "/run/b"], ["/run", "/proc"]].map(([a, b]) => statuses.isSameFile(status(a), status(b)))
         .concat(statuses.isSameFile(status("/run/hard"), statuses.descriptorStatus(descriptor))));`,
    );
    expect(same).toEqual([true, false, false, true]);
  });

  test("shows what exists, may be written, and may be executed", async () => {
    writeFileSync(node.path("/run/file"), "");
    await node.exec("sh", ["-c", "mkdir /run/ro; mount -t tmpfs -o ro tmpfs /run/ro"]);
    const outcome = await onNode(
      node,
      `say(["/run/file", "/run/none", "/run/ro", "/bin/sh"].map((path) =>
         [statuses.fileExists(path), statuses.isWritable(path), statuses.isExecutable(path), statuses.isReachable(path)]));`,
    );
    expect(outcome).toEqual([
      [true, true, false, true],
      [false, false, false, false],
      [true, false, true, true],
      [true, true, true, true],
    ]);
    // For a name that is too long it is unknown, and nothing is there.
    expect(await onNode(node, 'say(statuses.isReachable("/run/" + "x".repeat(300)));')).toBe(false);
  });
});

describe.runIf(canRun("ip"))("a folder", () => {
  test("is made with its parents, and may be there already", async () => {
    await doOnNode(node, 'for (let at = 0; at < 2; at++) directories.makeDirectory("/run/a/b/c", 0o750);');
    expect(statSync(node.path("/run/a/b/c")).mode & 0o777).toBe(0o750);
  });

  test("is made once by many who make it at the same time", async () => {
    const make = () => doOnNode(node, 'directories.makeDirectory("/run/a/b/c/d/e/f/g", 0o755);');
    await Promise.all(Array.from({ length: 8 }, make));
    expect(statSync(node.path("/run/a/b/c/d/e/f/g")).isDirectory()).toBe(true);
  });

  test("cannot be made below a file", async () => {
    writeFileSync(node.path("/run/file"), "");
    const outcome = await onNode(
      node,
      'say(failure(() => directories.makeDirectory("/run/file/a/b", 0o755)));',
    );
    expect(outcome).toMatchObject({ errno: 20, message: expect.stringMatching(/^mkdir \/run\/file\/a/) });
  });

  test("is listed in full, however many and however odd its names are", async () => {
    mkdirSync(node.path("/run/many"));
    const names = [
      ...Array.from({ length: 3000 }, (_, at) => `name-${at}`),
      "x".repeat(255),
      "\u00fc",
      "a b\nc",
      "...",
      ".hidden",
      "\u{1f980}",
    ];
    for (const name of names) writeFileSync(node.path(`/run/many/${name}`), "");
    const listed = await onNode<string[]>(node, 'say(directories.listDirectory("/run/many"));');
    expect(listed.sort()).toEqual(names.sort());
    expect(listed).toEqual(readdirSync(node.path("/run/many")).sort());
  });

  test("shows which of its names are folders, and takes no link for one", async () => {
    mkdirSync(node.path("/run/all/folder"), { recursive: true });
    writeFileSync(node.path("/run/all/file"), "");
    symlinkSync("folder", node.path("/run/all/link"));
    const seen = await onNode<{ name: string }[]>(node, 'say(directories.listEntries("/run/all"));');
    expect(seen.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: "file", isDirectory: false },
      { name: "folder", isDirectory: true },
      { name: "link", isDirectory: false },
    ]);
    expect(await onNode(node, 'say(directories.listEntries("/run/none"));')).toEqual([]);
  });

  test("that is empty, or missing, has no names in it, and a file is no folder", async () => {
    mkdirSync(node.path("/run/empty"));
    writeFileSync(node.path("/run/file"), "");
    const listed = await onNode(
      node,
      'say([directories.listDirectory("/run/empty"), directories.listDirectory("/run/none"), failure(() => directories.listDirectory("/run/file"))]);',
    );
    expect(listed).toMatchObject([[], [], { errno: 20 }]);
  });

  test("is full when its file system has no block or no inode left", async () => {
    const mounts = [
      "mkdir /run/wide /run/blocks /run/inodes",
      "mount -t tmpfs -o size=64k tmpfs /run/blocks",
      "mount -t tmpfs -o nr_inodes=3 tmpfs /run/inodes",
    ];
    await node.exec("sh", ["-c", mounts.join("; ")]);
    const isFull = () =>
      onNode(node, 'say(["/run/wide", "/run/blocks", "/run/inodes"].map(directories.isFull));');
    expect(await isFull()).toEqual([false, false, false]);
    const fill = "cat /dev/zero >/run/blocks/a; touch /run/inodes/a /run/inodes/b /run/inodes/c";
    await node.exec("sh", ["-c", fill], { reject: false });
    expect(await isFull()).toEqual([false, true, true]);
  });
});
