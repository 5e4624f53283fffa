import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, type Node } from "../../../helpers/index.ts";
import { addDelegate, address, delegateFolder, print, verbsOf } from "../delegates.ts";
import { expectError, expectResult, stateOf } from "../subjects.ts";
import { callBridge, network } from "./bridge.ts";

const answer = { cniVersion: "1.1.0", ips: [address] };
const path = `${delegateFolder}/ipam`;

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await node.addNetns("c");
  return () => node.dispose();
});

/** Runs an ADD that must fail, and expects that the host is as before. Returns the error. */
const failedAdd = async (
  code: number,
  env: Record<string, string> = {},
): Promise<{ msg: string; details: string }> => {
  const before = await stateOf(node);
  const outcome = await callBridge(node, "ADD", "ipam", { env: { PATH: process.env["PATH"] ?? "", ...env } });
  expect(outcome.exitCode, outcome.stdout).toBe(1);
  expect(outcome.json).toMatchObject({ cniVersion: "1.1.0", code });
  expect(await stateOf(node)).toEqual(before);
  return { details: "", ...outcome.json };
};

describe.runIf(canRun("ip"))("an error that a delegate prints", () => {
  test.each([3, 11, 100, 999, 4711])("keeps its code %d, its message and its details", async (code) => {
    const error = { cniVersion: "1.0.0", code, msg: "out of cheese", details: "redo from start" };
    addDelegate(node, "ipam", { ADD: `${print(error)}\nexit 1` });
    expect(await failedAdd(code)).toMatchObject({ msg: "out of cheese", details: "redo from start" });
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
  });

  test("without details gets some: who failed, and how", async () => {
    addDelegate(node, "ipam", { ADD: `${print({ code: 7, msg: "no" })}\nexit 3` });
    const { details } = await failedAdd(7);
    expect(details).toContain(path);
    expect(details).toContain("exit code 3");
  });

  test.each(["CHECK", "STATUS", "GC", "DEL"] as const)("keeps its code in %s too", async (command) => {
    const error = { code: 51, msg: "full", details: "all of it" };
    addDelegate(node, "ipam", { ADD: print(answer), [command]: `${print(error)}\nexit 1` });
    const prevResult = expectResult(await callBridge(node, "ADD", "ipam"));
    const config = network("ipam", { prevResult, "cni.dev/valid-attachments": [] });
    const outcome = await callBridge(node, command, "ipam", { config });
    expectError(outcome, 51);
    expect(outcome.json).toMatchObject({ msg: "full", details: "all of it" });
  });

  test("does not keep DEL and GC from removing the interface", async () => {
    const fail = "exit 1";
    addDelegate(node, "ipam", { ADD: print(answer), DEL: fail, GC: fail });
    for (const command of ["DEL", "GC"] as const) {
      expectResult(await callBridge(node, "ADD", "ipam"));
      expect(await callBridge(node, command, "ipam")).toMatchObject({ exitCode: 1 });
      const links = await node.exec("ip", ["-br", "link"], { netns: "c" });
      expect(links.stdout, command).not.toContain("eth0");
    }
  });
});

const brokenAnswers: Record<string, [code: string, error: number, message: string]> = {
  nothing: ["", 6, "printed no result"],
  "no JSON": ["echo hello", 6, "hello"],
  "half a result": [`echo '{"cniVersion":"1.1.0","ips":['`, 6, "printed no result"],
  "a list": ["echo '[]'", 6, "printed no result"],
  "two results": [`${print(answer)}\n${print(answer)}`, 6, "printed no result"],
  "a result of an unknown version": [print({ ...answer, cniVersion: "9.9.9" }), 1, "9.9.9"],
  "a result whose addresses are text": [print({ ...answer, ips: "10.9.0.2/24" }), 6, "ips"],
  "a result with a bad address": [print({ ...answer, ips: [{ address: "10.9.0.2" }] }), 7, "ips[0].address"],
};

describe.runIf(canRun("ip"))("a delegate that succeeds and prints", () => {
  test.each(Object.entries(brokenAnswers))(
    "%s has failed: it is named, and its DEL is run",
    async (_, expected) => {
      const [code, error, message] = expected;
      addDelegate(node, "ipam", { ADD: code });
      const { msg, details } = await failedAdd(error);
      expect(`${msg} ${details}`).toContain(message);
      expect(`${msg} ${details}`).toContain(path);
      expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
    },
  );

  test("a result without an address has its DEL run, once", async () => {
    addDelegate(node, "ipam", { ADD: print({ cniVersion: "1.1.0" }) });
    expect(await failedAdd(7)).toMatchObject({ msg: "IPAM plugin returned missing IP config" });
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
  });

  test("a result for which a later step fails has its DEL run, once", async () => {
    const ips = [{ address: "10.9.0.2/24", gateway: "127.0.0.1" }];
    addDelegate(node, "ipam", { ADD: print({ ...answer, ips, routes: [{ dst: "192.0.2.0/24" }] }) });
    expect((await callBridge(node, "ADD", "ipam")).exitCode).toBe(1);
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
  });
});

const brokenEnds: Record<string, [code: string, message: string]> = {
  "an exit code and no word": ["exit 7", "exit code 7"],
  "an exit code and words on standard output": ["echo lamentably; exit 1", "lamentably"],
  "an exit code and words on standard error": ["echo lamentably >&2; exit 1", "lamentably"],
  "an exit code and an error without code or message": ["echo '{}'; exit 1", "exit code 1"],
  SIGKILL: ["kill -9 $$", "SIGKILL"],
  SIGSEGV: ["kill -SEGV $$", "SIGSEGV"],
};

describe.runIf(canRun("ip"))("a delegate that ends with", () => {
  test.each(Object.entries(brokenEnds))("%s is named, and its DEL is run", async (_, [code, message]) => {
    addDelegate(node, "ipam", { ADD: code });
    const { msg, details } = await failedAdd(999);
    expect(msg).toContain(`${path} failed ADD`);
    expect(`${msg} ${details}`).toContain(message);
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
  });

  test("a failure of its ADD and of its DEL reports both", async () => {
    const add = `${print({ code: 100, msg: "first", details: "it was this" })}\nexit 1`;
    addDelegate(node, "ipam", { ADD: add, DEL: `${print({ code: 101, msg: "second" })}\nexit 1` });
    const { msg, details } = await failedAdd(100);
    expect(msg).toBe("first");
    expect(details).toMatch(/^it was this; .*DEL.*second/);
  });
});

describe.runIf(canRun("ip"))("a delegate that hangs", () => {
  const env = { PODWIRE_DELEGATE_TIMEOUT: "1" };

  test.each([
    ["asleep", "exec sleep 1000"],
    ["deaf to signals", "trap '' TERM INT HUP; while :; do read x <&-; done 2>/dev/null"],
  ])("%s is killed, its DEL is run, and the error is one to try again", async (_, code) => {
    addDelegate(node, "ipam", { ADD: code });
    const { msg, details } = await failedAdd(11, env);
    expect(msg).toContain(`${path} did not finish ADD within 1 s`);
    expect(details).toContain("PODWIRE_DELEGATE_TIMEOUT");
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "DEL"]);
  });

  test("with its children holding its output is given up all the same", async () => {
    addDelegate(node, "ipam", { ADD: "sleep 1000; true", DEL: "sleep 1000; true" });
    const call = callBridge(node, "ADD", "ipam", { env: { PATH: process.env["PATH"] ?? "", ...env } });
    expectError(await call, 11);
  });

  test("only because it left a child behind has done its work", async () => {
    addDelegate(node, "ipam", { ADD: `${print(answer)}\nsleep 1000 &` });
    const call = callBridge(node, "ADD", "ipam", { env: { PATH: process.env["PATH"] ?? "", ...env } });
    expect(expectResult(await call)).toHaveProperty("ips");
  });

  test.each(["", "0", "-1", "soon", "NaN", "Infinity", "1e300"])(
    "is not given up after %j seconds, but has the time that it needs",
    async (limit) => {
      addDelegate(node, "ipam", { ADD: `sleep 0.1; ${print(answer)}` });
      const call = callBridge(node, "ADD", "ipam", {
        env: { PATH: process.env["PATH"] ?? "", PODWIRE_DELEGATE_TIMEOUT: limit },
      });
      expect(expectResult(await call)).toHaveProperty("ips");
    },
  );
});
