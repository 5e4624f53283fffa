import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const tryIt = `const descriptor = files.openFile("/run", files.OpenFlag.readOnly);
say([flocks.tryLockFile(descriptor, "/run"), failure(() => flocks.tryLockFile(99, "nothing"))]);`;

describe.runIf(canRun("ip", "flock"))("the lock of an open file", () => {
  test("is taken where no other process has it, and not where one has", async () => {
    expect(await onNode(node, tryIt)).toMatchObject([
      true,
      { errno: 9, message: expect.stringMatching(/^flock nothing: /) },
    ]);
    await using holder = node.start("flock", ["--no-fork", "/run", "sh", "-c", "echo held; exec sleep 1000"]);
    await holder.firstLine();
    expect(await onNode(node, tryIt)).toMatchObject([false, {}]);
  });

  const childLives = `const descriptor = files.tryOpenInherited("/run", files.OpenFlag.readOnly);
    flocks.tryLockFile(descriptor, "/run");
    const { stdout } = runProcess("/bin/sh", {
      arguments: ["-c", "sleep 1000 > /dev/null 2>&1 & echo $!"],
      environment: {},
    });`;

  test("stays with a child that has inherited the descriptor, until unlockFile", async () => {
    const child = await onNode<string>(node, `${childLives} say(text(stdout).trim());`);
    expect(await onNode(node, tryIt)).toMatchObject([false, {}]);
    await node.exec("kill", ["-9", child]);
    await onNode(node, `${childLives} flocks.unlockFile(descriptor); say(null);`);
    expect(await onNode(node, tryIt)).toMatchObject([true, {}]);
  });
});
