import { describe, expect, test } from "vitest";
import { CniError, ErrorCode, messageOf, runAll } from "../../../shared/cni/error.ts";

const failing = (error: unknown) => () => {
  throw error;
};

describe("error codes", () => {
  test("are the specification's", () => {
    expect(ErrorCode).toMatchObject({
      incompatibleVersion: 1,
      unsupportedField: 2,
      unknownContainer: 3,
      invalidEnvironment: 4,
      io: 5,
      decode: 6,
      invalidConfiguration: 7,
      tryAgainLater: 11,
      notAvailable: 50,
      notAvailableAndLimited: 51,
    });
  });
});

describe("steps that must all be tried", () => {
  test("are all tried, in order, and the failure is thrown after the last", () => {
    const done: number[] = [];
    const failure = new CniError(ErrorCode.io, "second");
    const steps = [() => void done.push(1), failing(failure), () => void done.push(3)];
    expect(() => runAll(steps)).toThrow(failure);
    expect(done).toEqual([1, 3]);
  });

  test("tell of every failure, with the code of the first", () => {
    const steps = [
      failing(new CniError(ErrorCode.io, "first", "because")),
      failing(new Error("second")),
      failing("third"),
    ];
    expect(() => runAll(steps)).toThrow(
      expect.objectContaining({ code: 5, message: "first (because); second; third" }),
    );
  });

  test("have the code for internal errors when the first failure has none", () => {
    const steps = [failing(new Error("a")), failing(new CniError(ErrorCode.io, "b"))];
    expect(() => runAll(steps)).toThrow(expect.objectContaining({ code: 999 }));
  });

  test("that all succeed throw nothing", () => {
    expect(() => runAll([() => undefined, () => undefined])).not.toThrow();
    expect(() => runAll([])).not.toThrow();
  });
});

describe("the words for what was thrown", () => {
  test.each([
    [new CniError(5, "what", "why"), "what (why)"],
    [new CniError(5, "what"), "what"],
    [new TypeError("oops"), "oops"],
    ["text", "text"],
    [undefined, "undefined"],
  ])("%o are %j", (thrown, words) => {
    expect(messageOf(thrown)).toBe(words);
  });
});
