import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../helpers/index.ts";
import { isWholeSweep, sweepSize } from "../../helpers/sweep.ts";
import {
  DATA_DIR,
  filesOf,
  HostLocal,
  indexed,
  networkOf,
  reference,
  reservations,
  v4,
  v6,
} from "./subject.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
});
afterEach(() => node.dispose());

/** Every kind of system call by which an ADD or a DEL changes a file: a kill before another one leaves the same. */
const changing = ["openat", "write", "renameat2", "unlinkat", "utimensat", "mkdirat"];
const calls = isWholeSweep ? [...changing, "flock", "statx", "read", "close"] : changing;

interface Trial {
  readonly subject: HostLocal;
  readonly name: string;
  /** Options of strace(1) that restrict it to the files of the network. */
  readonly paths: readonly string[];
}

let trials = 0;

/** A network of its own for each trial, with one attachment in place. */
async function prepare(): Promise<Trial> {
  const name = `net${trials++}`;
  const subject = new HostLocal(node, { ...networkOf({ ranges: [[v4], [v6]] }), name });
  await subject.add("first");
  const index = `${DATA_DIR}/.podwire/${name}`;
  const folder = `${DATA_DIR}/${name}`;
  const files = [
    ...["", "/lock", "/last_reserved_ip.0", "/last_reserved_ip.1", "/10.1.0.3", "/fd00:1::3"].map(
      (file) => folder + file,
    ),
    ...["", "/state", "/temporary", "/c1:eth0"].map((file) => index + file),
  ];
  return { subject, name, paths: files.flatMap((file) => ["-P", file]) };
}

/** What must hold after a crash, whenever it was. */
async function expectSound({ subject, name }: Trial): Promise<void> {
  for (const text of Object.values(reservations(node, name))) expect(text).toMatch(/^(first|c1)\r\neth0$/);
  const others = await subject.add("other");
  const taken = Object.entries(reservations(node, name)).filter(([, owner]) => owner !== "other\r\neth0");
  for (const address of others) expect(taken.map(([held]) => held)).not.toContain(address);
  await subject.succeed("CHECK", "first");
}

async function expectReleasable({ subject, name }: Trial): Promise<void> {
  for (const id of ["c1", "first", "other"]) await subject.succeed("DEL", id);
  expect(reservations(node, name)).toEqual({});
  expect(indexed(node, name)).toEqual([]);
  expect(Object.keys(filesOf(node, `${DATA_DIR}/.podwire/${name}`))).toEqual(["state"]);
}

/** Runs a trial for the first, second, ... of each system call, until the call comes through. */
async function everywhere(attempt: (trial: Trial, inject: string) => Promise<boolean>): Promise<number> {
  let hits = 0;
  const walk = async (call: string): Promise<void> => {
    for (let count = 1; ; count++) {
      if (!(await attempt(await prepare(), `${call}:WHAT:when=${count}`))) return;
      hits++;
    }
  };
  await Promise.all(calls.map(walk));
  return hits;
}

const at = (inject: string, what: string) => ["-e", `inject=${inject.replace("WHAT", what)}`];

describe.runIf(canRun("strace"))("killed before any of its system calls", () => {
  test("an ADD leaves nothing that blocks, and repeated gets its addresses", async () => {
    const hits = await everywhere(async (trial, inject) => {
      const { subject, paths } = trial;
      const { signal } = await subject.trace([...paths, ...at(inject, "signal=KILL")], "ADD", "c1");
      await expectSound(trial);
      const addresses = await subject.add("c1");
      expect(addresses).toHaveLength(2);
      expect(await subject.add("c1")).toEqual(addresses);
      await expectReleasable(trial);
      return signal === "SIGKILL";
    });
    expect(hits).toBeGreaterThan(isWholeSweep ? 30 : 12);
  }, 300_000);

  test("an ADD that repeats another one loses nothing of what that had", async () => {
    const hits = await everywhere(async (trial, inject) => {
      const { subject, paths, name } = trial;
      await subject.add("c1");
      const before = reservations(node, name);
      const { signal } = await subject.trace([...paths, ...at(inject, "signal=KILL")], "ADD", "c1");
      expect(reservations(node, name)).toEqual(before);
      await expectSound(trial);
      await subject.succeed("CHECK", "c1");
      await expectReleasable(trial);
      return signal === "SIGKILL";
    });
    expect(hits).toBeGreaterThan(isWholeSweep ? 20 : 5);
  }, 300_000);

  test("a DEL can be repeated, by the reference too", async () => {
    const hits = await everywhere(async (trial, inject) => {
      const { subject, paths } = trial;
      await subject.add("c1");
      const { signal } = await subject.trace([...paths, ...at(inject, "signal=KILL")], "DEL", "c1");
      await expectSound(trial);
      await (inject.includes("=1") ? subject.by(reference) : subject).succeed("DEL", "c1");
      await expectReleasable(trial);
      return signal === "SIGKILL";
    });
    expect(hits).toBeGreaterThan(isWholeSweep ? 15 : 5);
  }, 300_000);
});

describe.runIf(canRun("strace"))("refused any of its system calls", () => {
  // Reading and waiting are left out: their failure is no state of the disk.
  const isWrite = (inject: string) => /^(openat|write|renameat2|utimensat|mkdirat)/.test(inject);

  test.each(["ENOSPC", "EROFS", "EIO"])(
    "an ADD fails with code 5 and takes nothing, or succeeds: %s",
    async (errno) => {
      const hits = await everywhere(async (trial, inject) => {
        const { subject, paths, name } = trial;
        if (!isWrite(inject)) return false;
        const before = reservations(node, name);
        const { exitCode, json, stderr } = await subject.trace(
          [...paths, ...at(inject, `error=${errno}`)],
          "ADD",
          "c1",
        );
        if (exitCode !== 0) {
          expect(json).toMatchObject({ code: 5, details: expect.stringContaining(DATA_DIR) });
          expect(reservations(node, name)).toEqual(before);
        }
        await expectSound(trial);
        await expectReleasable(trial);
        return stderr.includes("(INJECTED)");
      });
      expect(hits).toBeGreaterThan(10);
    },
    300_000,
  );
});

describe.runIf(canRun())("killed at random moments", () => {
  test("many ADDs lose nothing", async () => {
    const subject = new HostLocal(node, networkOf({ ranges: [[v4], [v6]] }));
    const ids = Array.from({ length: sweepSize({ spread: 80, all: 400 }) }, (_, index) => `c${index}`);
    const attachment = { netns: "/run/netns/absent", ifname: "eth0", config: subject.config };
    for (let start = 0; start < ids.length; start += 10) {
      const killed = ids.slice(start, start + 10).map(async (containerId) => {
        const running = node.startPlugin(subject.executable, { command: "ADD", containerId, ...attachment });
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 80));
        await running.stop("SIGKILL");
      });
      await Promise.all(killed);
    }
    expect(Object.values(reservations(node)).every((text) => /^c\d+\r\neth0$/.test(text))).toBe(true);
    await Promise.all(ids.map((id) => subject.succeed("DEL", id)));
    expect(reservations(node)).toEqual({});
    expect(indexed(node)).toEqual([]);
  }, 120_000);
});
