import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeExecutable } from "../../scripts/engine/executables.ts";
import { nativeToolchain } from "../../scripts/engine/toolchain.ts";
import { builtPlugin, evaluator } from "../helpers/index.ts";

/** What the parser of the language says of faulty scripts, and nothing else of the engine does. */
const complaints = [
  "missing formal parameter",
  "invalid assignment left-hand side",
  "'super' is only valid in a method",
  "'let' is not a valid lexical identifier",
];

const occurrences = (path: string) => {
  const content = readFileSync(path);
  return complaints.filter((complaint) => content.includes(complaint));
};

describe("the executables", () => {
  test("hold no parser of the language, which the compiler of the build has", () => {
    expect(occurrences(evaluator)).toEqual(complaints);
    expect(occurrences(builtPlugin("podwire"))).toEqual([]);
  });
});

/** Ways to make a function of a text. */
const ways = [
  'eval("41 + 1")',
  '(0, eval)("41 + 1")',
  'globalThis.eval("41 + 1")',
  'new Function("return 42")()',
  'Function("return 42")()',
  '(() => 1).constructor("return 42")()',
  "Object.getPrototypeOf(function* () {}).constructor('yield 42')().next()",
  "Object.getPrototypeOf(async () => 1).constructor('return 42')()",
  "Object.getPrototypeOf(async function* () {}).constructor('yield 42')().next()",
  'Reflect.construct(Function, ["return 42"])()',
  'globalThis.setTimeout("42")',
];

const probe = `
const ways = [${ways.map((way) => `() => ${way}`).join()}];
const outcome = (way) => { try { return "returned " + way(); } catch (thrown) { return "refused"; } };
const program = () => { native.write(1, native.encode(JSON.stringify(ways.map(outcome)))); return 0; };
program;`;

describe("a program with an image", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "podwire-compiler-"));
    writeFileSync(join(folder, "probe.js"), probe);
    mkdirSync(join(folder, "native"));
    const outputs = { executable: join(folder, "probe"), evaluator: join(folder, "evaluate") };
    await makeExecutable(await nativeToolchain(), join(folder, "native"), join(folder, "probe.js"), outputs);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("makes no function of a text, by any name that the language has for it", async () => {
    const { stdout } = await execa(join(folder, "probe"), []);
    expect(Object.fromEntries(ways.map((way, at) => [way, JSON.parse(stdout)[at]]))).toEqual(
      Object.fromEntries(ways.map((way) => [way, "refused"])),
    );
  });

  test("would make one if the compiler were there", async () => {
    const { stdout } = await execa(evaluator, ["run", join(folder, "probe.js")]);
    const outcomes = JSON.parse(stdout) as string[];
    expect(outcomes.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => "returned 42"));
  });
});
