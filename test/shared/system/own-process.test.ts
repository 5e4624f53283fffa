import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, evaluator, type Node } from "../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  return () => node.dispose();
});

describe.runIf(canRun("ip"))("this process", () => {
  test("knows its executable and its number", async () => {
    const outcome = await onNode(
      node,
      `const status = files.readText("/proc/self/status");
       say([self.ownExecutablePath(), String(self.processId()) === /^Pid:\\s*(\\d+)$/m.exec(status)[1]]);`,
    );
    expect(outcome).toEqual([evaluator, true]);
  });
});
