import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { builtPlugin, canRun, createNode, type Node } from "../../../helpers/index.ts";
import { addDelegate, address, delegateFolder, print, verbsOf } from "../delegates.ts";
import { expectResult, expectSilence, run } from "../subjects.ts";
import { callBridge, network } from "./bridge.ts";

const answer = print({ cniVersion: "1.1.0", ips: [address] });

const environmentIn = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );

describe.runIf(canRun("ip"))("a delegate is given", () => {
  let node: Node;
  beforeEach(async () => {
    node = await createNode();
    await node.addNetns("c");
    return () => node.dispose();
  });

  // The shell adds to its environment; /proc has what it was started with.
  const recording = (after: string) => `cat /proc/$$/environ >/run/seen-$CNI_COMMAND; ${after}`;

  test("the same environment, but for the verb", async () => {
    addDelegate(node, "ipam", {
      ADD: `${recording("")}\n${answer}`,
      DEL: recording(""),
      STATUS: recording(""),
    });
    const extra = {
      EMPTY: "",
      EQUALS: "a=b=c",
      LINES: "a\nb\n",
      UNICODE: "\u00fc\u{1f980}",
      " odd name": "x",
    };
    for (const command of ["ADD", "STATUS", "DEL"] as const) {
      const call = { args: "IgnoreUnknown=1;POD=web", env: { ...extra, PATH: "/usr/bin:/bin" } };
      expect(await callBridge(node, command, "ipam", call)).toMatchObject({ exitCode: 0 });
      expect(environmentIn(node.path(`/run/seen-${command}`))).toEqual({
        ...extra,
        PATH: "/usr/bin:/bin",
        CNI_COMMAND: command,
        CNI_CONTAINERID: "c",
        CNI_NETNS: "/run/netns/c",
        CNI_IFNAME: "eth0",
        CNI_ARGS: "IgnoreUnknown=1;POD=web",
        CNI_PATH: expect.stringContaining(delegateFolder),
      });
    }
  });

  test("the verb DEL when its ADD is taken back", async () => {
    addDelegate(node, "ipam", { ADD: print({ cniVersion: "1.1.0", ips: [] }), DEL: recording("") });
    expect(await callBridge(node, "ADD", "ipam")).toMatchObject({ exitCode: 1 });
    expect(environmentIn(node.path("/run/seen-DEL"))).toMatchObject({
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: "c",
    });
  });

  test("the same input, byte for byte", async () => {
    addDelegate(node, "ipam", { ADD: `cat >/run/input\n${answer}` });
    const text = JSON.stringify(network("ipam", { note: "\u00fc" }), undefined, 3);
    const config = Buffer.concat([
      Buffer.from(`\n\t ${text.slice(0, -1)}, "pad": "`),
      Buffer.from([0xff, 0xfe, 0xc3]),
      Buffer.from('", "name": "net" }\r\n\n '),
    ]);
    expectResult(await run(node, "bridge", { command: "ADD", config }));
    expect(readFileSync(node.path("/run/input")).equals(config)).toBe(true);
  });

  test("four megabytes of it", async () => {
    addDelegate(node, "ipam", { ADD: `wc -c >/run/size\n${answer}` });
    const config = JSON.stringify(network("ipam", { pad: "x".repeat(4e6) }));
    expectResult(await run(node, "bridge", { command: "ADD", config }));
    expect(readFileSync(node.path("/run/size"), "utf8").trim()).toBe(String(config.length));
  });

  test("input that it need not read", async () => {
    addDelegate(node, "ipam", { ADD: `exec <&-\n${answer}` });
    const config = network("ipam", { pad: "x".repeat(4e6) });
    expectResult(await run(node, "bridge", { command: "ADD", config }));
  });

  test("no arguments, no open files but the three and the lock of the attachment, no ignored signals, and the host's namespace", async () => {
    // No pipes between these: a shell's own would be among its files.
    const probe = [
      "echo $# >/run/arguments",
      "for file in /proc/$$/fd/?; do readlink $file; done >/run/files",
      "grep '^SigIgn:' /proc/$$/status >/run/signals",
      "readlink /proc/$$/ns/net >/run/namespace",
    ];
    addDelegate(node, "ipam", { ADD: `${probe.join("\n")}\n${answer}` });
    expectResult(await callBridge(node, "ADD", "ipam"));
    const seen = (name: string) => readFileSync(node.path(`/run/${name}`), "utf8").trimEnd();
    expect(seen("arguments")).toBe("0");
    // A shell keeps its script at a number from 10 on. A child that survives the call keeps its lock.
    const [, , , ...others] = seen("files").split("\n");
    expect(others).toEqual([expect.stringMatching(/^\/run\/podwire\/locks\/attachment-[0-9a-f]+$/)]);
    expect(seen("signals")).toMatch(/^SigIgn:\t0+$/);
    expect(seen("namespace")).toBe((await node.exec("readlink", ["/proc/self/ns/net"])).stdout);
  });

  test("the working folder of the plugin", async () => {
    addDelegate(node, "ipam", { ADD: `pwd >/run/where\n${answer}` });
    expectResult(await callBridge(node, "ADD", "ipam", { cwd: "/run/netns" }));
    expect(readFileSync(node.path("/run/where"), "utf8")).toBe("/run/netns\n");
  });
});

describe.runIf(canRun("ip"))("what a delegate says on standard error", () => {
  let node: Node;
  beforeEach(async () => {
    node = await createNode();
    await node.addNetns("c");
    return () => node.dispose();
  });

  test("is passed on, once, whether it succeeds or fails", async () => {
    addDelegate(node, "ipam", { ADD: `echo adding >&2\n${answer}`, STATUS: "echo unwell >&2; exit 1" });
    expect(await callBridge(node, "ADD", "ipam")).toMatchObject({ exitCode: 0, stderr: "adding" });
    expect(await callBridge(node, "STATUS", "ipam")).toMatchObject({ exitCode: 1, stderr: "unwell" });
  });

  test("is passed on whole, beside a long answer", async () => {
    const spaces = "head -c 3000000 /dev/zero | tr '\\0' ' '";
    const noise = "head -c 3000000 /dev/zero | tr '\\0' 'y' >&2";
    addDelegate(node, "ipam", { ADD: `${spaces}\n${noise}\n${answer}` });
    const { exitCode, stderr } = await callBridge(node, "ADD", "ipam");
    expect([exitCode, stderr.length]).toEqual([0, 3_000_000]);
  });

  test("never reaches standard output", async () => {
    addDelegate(node, "ipam", { ADD: `echo adding >&2\n${answer}`, DEL: "echo noise; echo more >&2" });
    expect((await callBridge(node, "ADD", "ipam")).json).toMatchObject({ cniVersion: "1.1.0" });
    expect(await callBridge(node, "DEL", "ipam")).toMatchObject({ exitCode: 0, stdout: "", stderr: "more" });
  });
});

describe.runIf(canRun("ip"))("every verb", () => {
  test("reaches the delegate, DEL also when the namespace is gone", async () => {
    await using node = await createNode();
    await node.addNetns("c");
    addDelegate(node, "ipam", { ADD: answer });
    const result = expectResult(await callBridge(node, "ADD", "ipam"));
    const checked = network("ipam", { prevResult: result });
    expectSilence(await callBridge(node, "CHECK", "ipam", { config: checked }));
    expectSilence(await callBridge(node, "STATUS", "ipam"));
    expectSilence(await callBridge(node, "GC", "ipam"));
    await node.deleteNetns("c");
    expectSilence(await callBridge(node, "DEL", "ipam"));
    expectSilence(await callBridge(node, "DEL", "ipam", { netns: "" }));
    expect(verbsOf(node, "ipam")).toEqual(["ADD", "CHECK", "STATUS", "GC", "DEL", "DEL"]);
  });

  test("works when the plugin was called by a link in another folder", async () => {
    await using node = await createNode();
    await node.addNetns("c");
    addDelegate(node, "ipam", { ADD: answer });
    await node.exec("ln", ["-s", builtPlugin("bridge"), "/run/bridge"]);
    const config = network("ipam");
    const call = { command: "ADD", containerId: "c", netns: "/run/netns/c", ifname: "eth0", config } as const;
    expectResult(await node.plugin("/run/bridge", { ...call, path: delegateFolder }));
  });
});
