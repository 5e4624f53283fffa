/** Modules that use the natives themselves. */
import { execa } from "execa";
import { evaluator, writeModule } from "../helpers/index.ts";

const prelude = `
const say = (value) => console.log(JSON.stringify(value));
const refusal = (work) => { try { return "returned " + work(); } catch (thrown) { return thrown.name; } };
`;

/**
 * Runs a module with the natives, in no namespace of its own, and returns what it says: `say(value)`, once. `refusal(work)` gives the
 * name of what a function throws.
 */
export async function evaluate<T>(source: string): Promise<T> {
  await using script = await writeModule(`${prelude}\n${source}`);
  const { stdout } = await execa(evaluator, script.words, { maxBuffer: 100_000_000 });
  return JSON.parse(stdout) as T;
}

/** What is no typed array, as expressions. */
export const noArrays = [
  "undefined",
  "null",
  "5",
  '"text"',
  "[1, 2]",
  "{ length: 300 }",
  "new ArrayBuffer(300)",
  "new DataView(new ArrayBuffer(300))",
  "Object.create(new Uint8Array(300))",
  "Uint8Array",
];
