import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

const tryIt = `const descriptor = files.openFile("/run", files.OpenFlag.readOnly);
say([flocks.tryLockFile(descriptor, "/run"), failure(() => flocks.lockFile(99, "nothing"))]);`;

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

  test("is waited for", async () => {
    await using holder = node.start("flock", ["--no-fork", "/run", "sh", "-c", "echo held; exec sleep 1000"]);
    await holder.firstLine();
    const waiting = onNode(
      node,
      `flocks.lockFile(files.openFile("/run", files.OpenFlag.readOnly), "/run"); say("taken");`,
    );
    const locks = async () => (await node.exec("cat", ["/proc/locks"])).stdout;
    await expect.poll(locks).toMatch(/-> FLOCK .* \d+ /);
    await holder.stop();
    expect(await waiting).toBe("taken");
  });
});
