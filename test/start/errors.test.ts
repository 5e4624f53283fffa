/** Errors of the program itself: what no part of it foresees. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtPlugin, canRun, createNode, projectRoot } from "../helpers/index.ts";
import { pluginOptions, pluginRun } from "../helpers/plugin.ts";

const FRAME = /^ {4}at (\S+) \((\S+\.ts):(\d+)\)$/;

/** The line of a file of the project, from 1. */
const lineOf = (file: string, line: number) =>
  readFileSync(join(projectRoot, file), "utf8").split("\n")[line - 1] ?? "";

/** The functions of a stack, innermost first, each with the line of TypeScript where it was. The bundle numbers functions of one name. */
function linesOf(details: string): [string, string][] {
  const frames = details.split("\n").slice(1);
  return frames.flatMap((frame) => {
    const [, name = "", file = "", line] = FRAME.exec(frame) ?? [];
    if (file === "") return [];
    expect(existsSync(join(projectRoot, file)), frame).toBe(true);
    return [[name.replace(/\d+$/, ""), lineOf(file, Number(line))] as [string, string]];
  });
}

test.runIf(canRun("ip", "prlimit"))(
  "an unforeseen error has the lines of TypeScript that led to it",
  async () => {
    await using node = await createNode();
    const config = { cniVersion: "1.0.0", name: "errors", type: "bridge", padding: "x".repeat(3_000_000) };
    const call = {
      command: "ADD",
      containerId: "c",
      netns: "/run/netns/none",
      ifname: "eth0",
      config,
    } as const;
    const words = ["--as=10500000", builtPlugin("bridge")];
    const { exitCode, json, stderr } = pluginRun(
      await node.exec("prlimit", words, pluginOptions(builtPlugin("bridge"), call)),
    );
    expect({ exitCode, stderr, json }).toMatchObject({
      exitCode: 1,
      stderr: "",
      json: { cniVersion: expect.stringMatching(/^1\./), code: 999, msg: "out of memory" },
    });
    expect(json.details).not.toMatch(/podwire\.js/);
    const lines = linesOf(json.details);
    expect(lines.length).toBeGreaterThanOrEqual(4);
    const called = Object.fromEntries(lines);
    expect(called).toMatchObject({
      readStandardInput: expect.stringContaining("readAll("),
      readInput: expect.stringContaining("readStandardInput("),
      execute: expect.stringContaining("readInput"),
      runPlugin: expect.stringContaining("execute("),
    });
  },
);
