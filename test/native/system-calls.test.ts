import { describe, expect, test } from "vitest";
import { type Declared, natives, type Parameter, systemCalls } from "./declaration.ts";
import { evaluate, noArrays } from "./evaluate.ts";

test("the natives are those that are declared", async () => {
  const found = await evaluate<string[]>("say(Object.keys(native));");
  expect(found.sort()).toEqual([...natives.map(({ name }) => name), "architecture"].sort());
  expect(systemCalls.length).toBeGreaterThan(40);
});

/** An argument that is right, with which the kernel would refuse the call. */
const rightValues: Readonly<Record<string, string>> = {
  number: "0x7fffffff",
  string: '"/nonexistent/path"',
  Uint8Array: "new Uint8Array(300)",
  "Uint8Array | null": "new Uint8Array(300)",
};

const rightValue = ({ name, type }: Parameter): string =>
  // F_GETFD: others take an address in the place of a number.
  name === "command" ? "1" : (rightValues[type] ?? "");

const noNumbers = ["undefined", "null", '"1"', "true", "{ valueOf: () => 1 }", "[1]", "1n", "Symbol()"];
const noTexts = [
  "undefined",
  "null",
  "5",
  "['/']",
  "{ toString: () => '/' }",
  "new Uint8Array(1)",
  "Symbol()",
];

const wrongValues: Readonly<Record<string, readonly string[]>> = {
  number: noNumbers,
  string: noTexts,
  Uint8Array: noArrays,
  "Uint8Array | null": noArrays.filter((value) => value !== "null"),
};

/** Places in files have more than 32 bits. */
const isPlace = ({ name }: Declared, parameter: Parameter) =>
  (name === "lseek" && parameter.name === "offset") ||
  (name === "ftruncate" && parameter.name === "length") ||
  (name === "pread64" && parameter.name === "position");

const badNumbers = ["0.5", "-0.1", "NaN", "Infinity", "-Infinity", "1e300", "2 ** 53", "-(2 ** 53)"];
const tooLong = ["2 ** 32", "-(2 ** 31) - 1"];

/** Calls with one argument after the other replaced by each of the values for it. */
function attempts(call: Declared, valuesFor: (parameter: Parameter) => readonly string[]): string[] {
  return call.parameters.flatMap((parameter, at) =>
    valuesFor(parameter).map((value) => {
      const words = call.parameters.map((other, each) => (each === at ? value : rightValue(other)));
      return `native.${call.name}(${words.join(", ")})`;
    }),
  );
}

async function expectRefusals(calls: readonly string[], name: string): Promise<void> {
  const refusals = await evaluate<string[]>(
    `say([${calls.map((call) => `refusal(() => ${call})`).join()}]);`,
  );
  expect(Object.fromEntries(calls.map((call, at) => [call, refusals[at]]))).toEqual(
    Object.fromEntries(calls.map((call) => [call, name])),
  );
}

describe.each(systemCalls.filter(({ parameters }) => parameters.length > 0))("$name", (call) => {
  test("refuses an argument of a wrong type before anything happens", async () => {
    await expectRefusals(
      attempts(call, ({ type }) => wrongValues[type] ?? []),
      "TypeError",
    );
  });

  test("refuses to be called without its arguments", async () => {
    const words = call.parameters.map(rightValue);
    await expectRefusals(
      words.map((_, count) => `native.${call.name}(${words.slice(0, count).join()})`),
      "TypeError",
    );
  });
});

const withNumbers = systemCalls.filter((call) => call.parameters.some(({ type }) => type === "number"));

test.each(withNumbers)("native.$name refuses a number that is invalid for the kernel", async (call) => {
  const numbers = (parameter: Parameter) =>
    isPlace(call, parameter) ? badNumbers : [...badNumbers, ...tooLong];
  await expectRefusals(
    attempts(call, (parameter) => (parameter.type === "number" ? numbers(parameter) : [])),
    "RangeError",
  );
});

/** Structures by the place of their argument, and their sizes (section 2 of the manual). */
const structures = [
  ["clock_gettime", 1, 16],
  ["fstatfs", 1, 120],
  ["getrusage", 1, 144],
  ["pipe2", 0, 8],
  ["ppoll", 1, 16],
  ["rt_sigprocmask", 1, 8],
  ["rt_sigprocmask", 2, 8],
  ["signalfd4", 1, 8],
  ["statx", 4, 256],
  ["tcgets", 1, 36],
  ["tunsetiff", 1, 40],
  ["utimensat", 2, 32],
  ["wait4", 1, 4],
  ["wait4", 3, 144],
] as const;

describe("a structure", () => {
  test.each(structures)("of %s, argument %d, needs its %d bytes", async (name, place, size) => {
    const call = systemCalls.find((each) => each.name === name);
    const words = (bytes: number) =>
      call?.parameters
        .map((parameter, at) => (at === place ? `new Uint8Array(${bytes})` : rightValue(parameter)))
        .join();
    await expectRefusals(
      [0, 1, size - 1].map((bytes) => `native.${name}(${words(bytes)})`),
      "RangeError",
    );
  });
});

test("attach_filter takes whole instructions only, and no more than the kernel does", async () => {
  await expectRefusals(
    [1, 7, 12, 8 * 4097].map((bytes) => `native.attach_filter(0, new Uint8Array(${bytes}))`),
    "RangeError",
  );
});

test("fcntl refuses commands whose argument is an address", async () => {
  // F_GETLK to F_GETOWN_EX, F_OFD_GETLK and so on, F_GET_RW_HINT and so on (include/uapi/linux/fcntl.h).
  const commands = [5, 6, 7, 12, 13, 14, 15, 16, 17, 36, 37, 38, 1035, 1036, 1037, 1038, 1039, -1];
  await expectRefusals(
    commands.map((command) => `native.fcntl(0, ${command}, 0)`),
    "RangeError",
  );
});
