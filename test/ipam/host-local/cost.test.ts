import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { DATA_DIR, HostLocal, networkOf, reference } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

/** Puts reservations of other containers into the folder, as the reference would have left them. */
function hold(count: number): void {
  const folder = node.path(`${DATA_DIR}/net`);
  mkdirSync(folder, { recursive: true });
  for (let index = 2; index < count + 2; index++) {
    writeFileSync(`${folder}/10.1.${index >> 8}.${index & 255}`, `held${index}\r\neth0`);
  }
  const last = count + 1;
  writeFileSync(`${folder}/last_reserved_ip.0`, `10.1.${last >> 8}.${last & 255}`);
}

const config = networkOf({ ranges: [[{ subnet: "10.1.0.0/16" }]] });

/** How many system calls name something in the data folder. The runtime's own vary, so only these are counted. */
async function countCalls(command: "ADD" | "CHECK" | "DEL", id: string): Promise<number> {
  const { exitCode, stderr } = await new HostLocal(node, config).trace(["-y"], command, id);
  expect(exitCode).toBe(0);
  return stderr.split("\n").filter((line) => line.includes(DATA_DIR)).length;
}

async function countRound(id: string): Promise<readonly number[]> {
  return [await countCalls("ADD", id), await countCalls("CHECK", id), await countCalls("DEL", id)];
}

describe.runIf(canRun("strace"))("the system calls of ADD, CHECK and DEL", () => {
  test("are no more with 2000 addresses held than with 10", async () => {
    const rounds: (readonly number[])[] = [];
    for (const count of [10, 2000]) {
      hold(count);
      // The first call reads the folder that another program has changed.
      await new HostLocal(node, config).add(`first${count}`);
      rounds.push(await countRound(`c${count}`));
    }
    const [few, many] = rounds;
    expect(many).toEqual(few);
    for (const calls of few ?? []) expect(calls).toBeLessThan(40);
  });

  test("grow for the one call after the reference's, and for no other", async () => {
    hold(200);
    await new HostLocal(node, config).add("first");
    const [before = 0] = await countRound("c1");
    await new HostLocal(node, config, reference).add("theirs");
    expect(await countCalls("ADD", "c2")).toBeGreaterThan(before + 200);
    expect(await countCalls("ADD", "c3")).toBe(before);
  });
});
