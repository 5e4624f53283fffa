import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { onNode } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await node.exec("mkfifo", ["/run/one", "/run/two"]);
  return () => node.dispose();
});

/** Both ends of the FIFOs, so that opening one does not wait for the other. */
const open = `
const [one, two] = ["/run/one", "/run/two"].map((path) => files.openFile(path, files.OpenFlag.readWrite));
const wait = (limit) => polls.waitForAny([one, two], "pipes", limit).map((ready) => (ready === one ? "one" : "two"));`;

describe.runIf(canRun("ip"))("waiting for input", () => {
  test("returns which of several has some, and nothing when the time is over", async () => {
    const ready = await onNode(
      node,
      `${open}
       const seen = [wait(0), wait(20)];
       files.writeAll(two, "x", "two"); seen.push(wait());
       files.writeAll(one, "x", "one"); seen.push(wait());
       say(seen);`,
    );
    expect(ready).toEqual([[], [], ["two"], ["one", "two"]]);
  });

  test("ends when the last writer is gone, and does not for a FIFO that had none yet", async () => {
    const ready = await onNode(
      node,
      `const { readOnly, writeOnly, nonBlocking } = files.OpenFlag;
       const reader = files.openFile("/run/one", readOnly | nonBlocking);
       const seen = [polls.waitForInput(reader, "pipe", 20)];
       files.closeFile(files.openFile("/run/one", writeOnly));
       seen.push(polls.waitForInput(reader, "pipe", 20000), files.readAll(reader, "pipe").length);
       say(seen);`,
    );
    expect(ready).toEqual([false, true, 0]);
  });

  test("for what is no descriptor is a failure", async () => {
    const outcome = await onNode(node, 'say(polls.waitForAny([99], "nothing", 0).length);');
    expect(outcome).toBe(1);
  });
});
