/** GC on a node with many reservations: what it costs, and that no call waits for it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { DATA_DIR, HostLocal, indexed, networkOf, reservations } from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

const subnet = "10.1.0.0/16";
const subject = () => new HostLocal(node, networkOf({ ranges: [[{ subnet }]] }));

/** Reservations of others, as the reference leaves them; the first ADD takes them into the index. */
async function hold(count: number, prefix = "held"): Promise<string[]> {
  const folder = node.path(`${DATA_DIR}/net`);
  mkdirSync(folder, { recursive: true });
  const ids = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  for (const [index, id] of ids.entries())
    writeFileSync(`${folder}/10.1.${128 + (index >> 8)}.${index & 255}`, `${id}\r\neth0`);
  await subject().add("first");
  return ["first", ...ids];
}

/** The system calls of a GC that keeps these containers, in order, each with its name and all that strace shows. */
async function callsOf(kept: readonly string[]): Promise<string[]> {
  const attachments = kept.map((containerID) => ({ containerID, ifname: "eth0" }));
  const { exitCode, stderr, stdout } = await subject()
    .with({ "cni.dev/valid-attachments": attachments })
    .trace([], "GC", "");
  expect(exitCode, stdout).toBe(0);
  const lines = stderr.split("\n").filter((line) => /^\w+\(/.test(line));
  return lines.slice(lines.findIndex((line) => line.startsWith("read(0,")));
}

/** Those while the lock is held: from flock(2) to the close of its descriptor. */
function underLock(calls: readonly string[]): string[][] {
  const parts: string[][] = [];
  let descriptor: string | undefined;
  for (const line of calls) {
    if (descriptor === undefined) {
      descriptor = /^flock\((\d+), LOCK_EX.*= 0$/.exec(line)?.[1];
      if (descriptor !== undefined) parts.push([]);
    } else if (line.startsWith(`close(${descriptor})`)) descriptor = undefined;
    else parts.at(-1)?.push(line);
  }
  expect(descriptor).toBeUndefined();
  return parts;
}

const files = (calls: readonly string[]) => calls.filter((line) => /^(openat|statx|unlinkat)\(/.test(line));

describe.runIf(canRun("strace"))("GC", () => {
  test("looks at no reservation whose owner is listed", async () => {
    const counts: number[] = [];
    for (const count of [10, 1500]) {
      const kept = await hold(count, `of${count}-`);
      const calls = await callsOf(kept);
      counts.push(files(calls).length);
      expect(Object.keys(reservations(node)).length).toBe(kept.length);
    }
    expect(counts[1]).toBe(counts[0]);
  });

  test("does as much for each one it removes, a part at a time under the lock", async () => {
    const counts: number[] = [];
    for (const count of [200, 400, 600]) {
      await hold(count, `of${count}-`);
      const calls = await callsOf(["first"]);
      const parts = underLock(calls);
      // The first look, and a hundred at a time.
      expect(parts).toHaveLength(1 + count / 100);
      expect(files(parts[0] ?? []).length).toBeLessThan(10);
      for (const part of parts) expect(part.length).toBeLessThan(100 * 25);
      counts.push(files(calls).length);
      expect(Object.values(reservations(node))).toEqual(["first\r\neth0"]);
      expect(indexed(node)).toEqual(["first:eth0"]);
    }
    const [few = 0, more = 0, most = 0] = counts;
    expect(Math.abs(most - more - (more - few))).toBeLessThan(5);
  });

  test("thinks without the lock: of what it keeps since it is in use, it looks for that outside", async () => {
    const netns = await node.addNetns("alive");
    const [address] = await subject().add("alive", { netns });
    await node.exec("ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "eth1"], {
      netns: "alive",
    });
    await node.exec("ip", ["address", "add", `${address}/16`, "dev", "eth0"], { netns: "alive" });
    const calls = await callsOf([]);
    expect(calls.filter((line) => line.startsWith("setns(")).length).toBeGreaterThan(0);
    for (const part of underLock(calls)) expect(part.filter((line) => line.startsWith("setns("))).toEqual([]);
    expect(Object.values(reservations(node))).toEqual(["alive\r\neth0"]);
  });
});

describe("GC beside ADD and DEL", () => {
  test("takes nothing from containers that are listed, and leaves nothing of the others", async () => {
    await hold(600);
    const ids = Array.from({ length: 24 }, (_, index) => `new${index}`);
    const kept = ["first", ...ids].map((id) => [id, "eth0"] as const);
    const rounds = ids.map(async (id, index) => {
      const [address] = await subject().add(id);
      if (index % 3 > 0) return [[address, id]] as const;
      await subject().succeed("DEL", id);
      return [];
    });
    const [, ...added] = await Promise.all([subject().gc(...kept), ...rounds]);
    expect(await subject().gc(...kept)).toMatchObject({ exitCode: 0 });
    const expected = added.flat().map(([address, id]) => [address, `${id}\r\neth0`]);
    const { [Object.keys(reservations(node)).find((name) => name === "10.1.0.2") ?? ""]: first, ...others } =
      reservations(node);
    expect(first).toBe("first\r\neth0");
    expect(others).toEqual(Object.fromEntries(expected));
    expect(indexed(node).sort()).toEqual(
      ["first", ...added.flat().map(([, id]) => id)].map((id) => `${id}:eth0`).sort(),
    );
  });

  test.runIf(canRun("strace", "pgrep"))(
    "spares an owner who gets its address again while it thinks",
    async () => {
      const netns = await node.addNetns("again");
      const [address] = await subject().add("again", { netns });
      // It stops when it has judged the owner, and opens the lock for the second time.
      const stop = ["-P", `${DATA_DIR}/net/lock`, "-e", "inject=openat:signal=SIGSTOP:when=2"];
      await using gc = node.start("strace", ["-qq", "-o", "/dev/null", ...stop, subject().executable], {
        env: { PATH: "/usr/bin:/bin", CNI_COMMAND: "GC", CNI_PATH: "/none" },
        input: JSON.stringify({ ...subject().config, "cni.dev/valid-attachments": [] }),
      });
      const pid = async () =>
        (await node.exec("pgrep", ["-P", `${gc.pid}`], { reject: false })).stdout.trim();
      const state = async () =>
        (await node.exec("sh", ["-c", `grep State: /proc/${await pid()}/status`], { reject: false })).stdout;
      await expect.poll(state).toMatch(/stop/);
      expect(await subject().add("again", { netns })).toEqual([address]);
      await node.exec("kill", ["-CONT", await pid()]);
      expect(await gc.ended).toMatchObject({ exitCode: 0, stdout: "" });
      expect(Object.values(reservations(node))).toEqual(["again\r\neth0"]);
    },
  );
});
