import { type ParseArgsConfig, parseArgs } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseWords } from "../../cli/arguments.ts";
import type { Option } from "../../cli/command.ts";

const options: readonly Option[] = [
  { name: "help", short: "h", summary: "" },
  { name: "json", summary: "" },
  { name: "conf", value: "FILE", summary: "" },
  { name: "conf-dir", value: "FOLDER", summary: "" },
];

const config: NonNullable<ParseArgsConfig["options"]> = {
  help: { type: "boolean", short: "h", multiple: true },
  json: { type: "boolean", multiple: true },
  conf: { type: "string", multiple: true },
  "conf-dir": { type: "string", multiple: true },
};

/** Behind its first sentence, Node.js has advice for programs that know nothing else of a command's words. */
const messageIn = (thrown: unknown) => (thrown as Error).message.replace(/\. To .*/s, "");

function ours(words: readonly string[]): unknown {
  try {
    const { positionals, values } = parseWords(options, words);
    return { positionals, values: Object.fromEntries(values) };
  } catch (thrown) {
    return messageIn(thrown);
  }
}

/** By node:util; a flag's value is true there. */
function theirs(words: readonly string[]): unknown {
  try {
    const { positionals, values } = parseArgs({ args: [...words], options: config, allowPositionals: true });
    const entries = Object.entries(values).map(([name, given]) => [
      name,
      [given].flat().map((value) => (value === true ? "" : value)),
    ]);
    return { positionals, values: Object.fromEntries(entries) };
  } catch (thrown) {
    return messageIn(thrown);
  }
}

const word = fc.oneof(
  fc.constantFrom("--help", "-h", "-hh", "-hx", "--json", "--json=", "--json=no", "--no-json", "--jso"),
  fc.constantFrom("--conf", "--conf=", "--conf=a=b", "--conf=--", "--conf-dir", "--conf-dir=a\nb", "-conf"),
  fc.constantFrom("-", "--", "", "=", "--=x", "-x", "-x=1", "-h=1", "--__proto__", "--toString=1", "a", "-5"),
  fc.string({ maxLength: 5 }),
);

describe("a command line", () => {
  test("is read, or refused with the same words, as by Node.js's parseArgs", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (words) => {
        // Of -h-x, Node.js makes -h, -- and -x, as if that were meant.
        fc.pre(!words.some((each) => /^-[^-].*-./s.test(each)));
        expect(ours(words)).toEqual(theirs(words));
      }),
      { numRuns: 3000 },
    );
  });
});
