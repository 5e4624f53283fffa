import { constants } from "node:os";
import { describe, expect, test } from "vitest";
import { describeErrno, Errno } from "../../../shared/system/errno.ts";

describe("errno", () => {
  test("has the numbers of this kernel", () => {
    const known = Object.entries(Errno).filter(([name]) => name in constants.errno);
    expect(known.length).toBeGreaterThan(20);
    for (const [name, value] of known) expect(value, name).toBe(constants.errno[name as "ENOENT"]);
  });

  test("has words for every value that the plugins tell apart", () => {
    for (const [name, value] of Object.entries(Errno)) {
      if (name === "EINTR") continue; // It is retried, and never reported.
      expect(describeErrno(value), name).not.toMatch(/errno/);
    }
  });

  test("names a value without words by its number", () => {
    expect(describeErrno(1234)).toBe("errno 1234");
  });
});
