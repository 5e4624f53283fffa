import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, distBin, type Node } from "../../../helpers/index.ts";
import { addDelegate, address, callsOf, delegateFolder, print } from "../delegates.ts";
import { expectError, expectResult, expectSilence, run, stateOf } from "../subjects.ts";
import { callBridge, network } from "./bridge.ts";

const works = { ADD: print({ cniVersion: "1.1.0", ips: [address] }) };
const verbs = ["ADD", "CHECK", "DEL", "GC", "STATUS"] as const;

describe.runIf(canRun("ip"))("a delegate", () => {
  let node: Node;
  beforeEach(async () => {
    node = await createNode();
    await node.addNetns("c");
    return () => node.dispose();
  });

  test("is the first of its name on CNI_PATH", async () => {
    for (const folder of ["/run/a", "/run/b"]) addDelegate(node, "ipam", works, folder);
    expectResult(await callBridge(node, "ADD", "ipam", { path: "/run/none:/run/b:/run/a" }));
    expect(callsOf(node, "ipam")).toEqual(["ADD /run/b/ipam"]);
  });

  test("is looked for past empty and doubled entries of CNI_PATH", async () => {
    addDelegate(node, "ipam", works, "/run/a");
    expectResult(await callBridge(node, "ADD", "ipam", { path: "::/run/a/::" }));
    expect(callsOf(node, "ipam")).toHaveLength(1);
  });

  const passedOver: Record<string, (path: string) => void> = {
    "a folder": (path) => mkdirSync(path),
    "a link to nothing": (path) => symlinkSync("nothing", path),
    "a link to itself": (path) => symlinkSync("ipam", path),
  };

  test.each(Object.entries(passedOver))(
    "is not %s of its name, but the next on CNI_PATH",
    async (_, make) => {
      addDelegate(node, "ipam", works, "/run/b");
      mkdirSync(node.path("/run/a"));
      make(node.path("/run/a/ipam"));
      expectResult(await callBridge(node, "ADD", "ipam", { path: "/run/a:/run/b" }));
      expect(callsOf(node, "ipam")).toEqual(["ADD /run/b/ipam"]);
    },
  );

  test("may be a link to an executable elsewhere", async () => {
    addDelegate(node, "ipam", works, "/run/b");
    mkdirSync(node.path("/run/a"));
    symlinkSync("../b/ipam", node.path("/run/a/ipam"));
    expectResult(await callBridge(node, "ADD", "ipam", { path: "/run/a" }));
    expect(callsOf(node, "ipam")).toEqual(["ADD /run/a/ipam"]);
  });

  test.each(["../ipam", "/run/delegates/ipam", "a/ipam", "..", "ipam/..", "i..pam", "ipam\0"])(
    "cannot be called %j: a name is no path",
    async (type) => {
      addDelegate(node, "ipam", works);
      const before = await stateOf(node);
      for (const command of verbs) {
        const prevResult = { cniVersion: "1.1.0", interfaces: [], ips: [] };
        const config = network(type, { prevResult, "cni.dev/valid-attachments": [] });
        const outcome = await callBridge(node, command, type, { config });
        expectError(outcome, 7, command);
        if (command !== "CHECK")
          expect(outcome.json.msg).toBe(`invalid plugin name: ${JSON.stringify(type)}`);
      }
      expect(callsOf(node, "ipam")).toEqual([]);
      expect(await stateOf(node)).toEqual(before);
    },
  );

  test("that is nowhere is missed by name, with the folders that were searched, and nothing is changed", async () => {
    const before = await stateOf(node);
    for (const command of ["ADD", "DEL", "GC", "STATUS"] as const) {
      const outcome = await callBridge(node, command, "ipam", { path: "/run/a:/run/b" });
      expectError(outcome, 5, command);
      expect(outcome.json.msg).toBe('failed to find plugin "ipam" in path [/run/a /run/b]');
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test.each(["", ":", undefined])("is asked for with CNI_PATH %j: the variable is missed", async (path) => {
    const before = await stateOf(node);
    for (const command of ["ADD", "DEL", "GC", "STATUS"] as const) {
      const outcome = await callBridge(node, command, "ipam", { path: path ?? "" });
      expectError(outcome, 4, command);
      expect(outcome.json.msg).toBe("required env variables [CNI_PATH] missing");
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test("is not needed without ipam, and CNI_PATH is not either", async () => {
    for (const ipam of [undefined, {}, { type: "" }, null]) {
      const config = network("", { ipam });
      expectResult(await run(node, "bridge", { command: "ADD", config, path: "" }));
      for (const command of ["STATUS", "DEL"] as const) {
        expectSilence(await run(node, "bridge", { command, config, path: "" }), command);
      }
    }
  });

  test("that may not be executed, or cannot be, is reported with its path", async () => {
    mkdirSync(node.path(delegateFolder));
    writeFileSync(node.path(`${delegateFolder}/plain`), "#!/bin/sh\n");
    writeFileSync(node.path(`${delegateFolder}/odd`), "neither a script nor a program");
    chmodSync(node.path(`${delegateFolder}/odd`), 0o755);
    addDelegate(node, "lost", {});
    writeFileSync(node.path(`${delegateFolder}/lost`), "#!/nowhere/sh\n");
    const before = await stateOf(node);
    for (const type of ["plain", "odd", "lost"]) {
      const outcome = await callBridge(node, "ADD", type);
      expectError(outcome, 5, type);
      expect(outcome.json.msg).toContain(`${delegateFolder}/${type}`);
    }
    expect(await stateOf(node)).toEqual(before);
  });

  test.each(["bridge", "loopback"])(
    "that is our own %s is refused: it hands out no addresses",
    async (type) => {
      const before = await stateOf(node);
      for (const command of ["ADD", "GC", "STATUS"] as const) {
        const outcome = await callBridge(node, command, type, { path: distBin });
        expectError(outcome, 7, command);
        expect(outcome.json.msg).toContain('"ipam.type"');
      }
      expect(await stateOf(node)).toEqual(before);
    },
  );
});
