import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, evaluator, type Node, projectRoot, writeModule } from "../../helpers/index.ts";
import { onNode, program } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

describe.runIf(canRun("ip"))("an absolute path", () => {
  test("is relative to the working folder, unless it is absolute", async () => {
    const paths = await onNode(
      node,
      'say(["a", "../b/./c/", "", "/x/../y"].map((path) => places.absolutePath(path)));',
    );
    const above = projectRoot.slice(0, projectRoot.lastIndexOf("/"));
    expect(paths).toEqual([`${projectRoot}/a`, `${above}/b/c`, projectRoot, "/y"]);
  });

  test("needs no working folder; a relative one says that it is gone", async () => {
    await using script = await writeModule(
      program('say([places.absolutePath("/a/../b"), failure(() => places.absolutePath("a"))]);'),
    );
    const without = 'mkdir /run/gone; cd /run/gone; rmdir /run/gone; exec "$@"';
    const { stdout } = await node.exec("sh", ["-c", without, "sh", evaluator, ...script.words]);
    expect(JSON.parse(stdout)).toMatchObject([
      "/b",
      { message: expect.stringMatching(/^a is relative to .* gone/) },
    ]);
  });

  test("without links is that of a folder, a file or a FIFO", async () => {
    mkdirSync(node.path("/run/folder/below"), { recursive: true });
    writeFileSync(node.path("/run/folder/below/file"), "");
    symlinkSync("folder", node.path("/run/first"));
    symlinkSync("/run/first/below", node.path("/run/second"));
    await node.exec("mkfifo", ["/run/folder/pipe"]);
    const paths = ["/run/second/file", "/run/second", "/run/folder", "/run/first/pipe"];
    const real = await onNode(node, `say(${JSON.stringify(paths)}.map((path) => statuses.realPath(path)));`);
    const witness = await node.exec("realpath", paths);
    expect(real).toEqual(witness.stdout.split("\n"));
  });

  test("without links says why it does not exist", async () => {
    symlinkSync("itself", node.path("/run/itself"));
    writeFileSync(node.path("/run/file"), "");
    const outcome = await onNode(
      node,
      'say(["/run/none", "/run/file/x", "/run/itself"].map((path) => failure(() => statuses.realPath(path))));',
    );
    expect(outcome).toMatchObject([
      { errno: 2, message: "openat /run/none: no such file or directory" },
      { errno: 20 },
      { errno: 40 },
    ]);
  });
});
