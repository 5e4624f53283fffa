/** Programs of the engine that use up their memory, in many ways: an exception, never a signal. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeExecutable } from "../../scripts/engine/executables.ts";
import { nativeToolchain } from "../../scripts/engine/toolchain.ts";
import { canRun } from "../helpers/index.ts";

/** What takes memory for each value that it makes. */
const makers: Readonly<Record<string, string>> = {
  map: "[1].map((each) => each)",
  flat: "[[1]].flat()",
  rest: "((...rest) => rest)(1, 2)",
  entries: 'Object.fromEntries([["a", 1]])',
  names: '({ ["name" + at]: at })',
  functions: "() => at",
  bound: "program.bind(null, at)",
  classes: "class { static #hidden = 1; method() { return at; } }",
  generators: "(function* () { yield at; })()",
  texts: '"text" + at',
  wide: '"\\u2192" + at',
  joined: '[1, 2, at].join("-")',
  matches: '"a1b2".match(/\\d/g)',
  replaced: '("q" + at).replace(/q/, "r")',
  errors: "(() => { try { throw new Error(String(at)); } catch (thrown) { return thrown; } })()",
  refusals:
    "(() => { try { null.property; } catch (thrown) { if (thrown instanceof TypeError) return thrown; throw thrown; } })()",
  json: 'JSON.parse(\'{"a": [1, {"b": "c"}]}\')',
  maps: "new Map([[at, {}]])",
  bytes: "new Uint8Array(9)",
  numbers: "2n ** 70n + BigInt(at)",
};

/** Fills the memory with values, of which the first one is small, or a little larger. */
const probe = `
const makers = { ${Object.entries(makers).map(([name, code]) => `${name}: (at) => ${code}`)} };
const fill = (make, offset) => {
  let list = "x".repeat(offset * 16);
  try { for (let at = 0; ; at++) list = { list, value: make(at) }; }
  catch (thrown) { list = null; return thrown; }
};
const program = ([, name, offset]) => {
  const thrown = fill(makers[name], Number(offset));
  return thrown === null || thrown.message.startsWith("out of memory") ? 0 : 3;
};
program;`;

describe.runIf(canRun("prlimit"))(
  "without memory, a program gets an exception, wherever that is, while it makes",
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "podwire-memory-"));
      writeFileSync(join(folder, "probe.js"), probe);
      const outputs = { executable: join(folder, "probe"), evaluator: join(folder, "evaluate") };
      await makeExecutable(await nativeToolchain(), folder, join(folder, "probe.js"), outputs);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test.each(Object.keys(makers))("%s", async (name) => {
      const loop = 'for at in 0 1 2 3 4 5 6 7; do "$0" "$1" $at >/dev/null 2>&1; echo $?; done';
      const words = ["--as=6000000", "sh", "-c", loop, join(folder, "probe"), name];
      const codes = (await execa("prlimit", words)).stdout.split("\n");
      expect(codes).toHaveLength(8);
      // 1: memory lacked again, while it was reported.
      expect(codes.filter((code) => code !== "0" && code !== "1")).toEqual([]);
    });
  },
);
