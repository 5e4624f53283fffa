import { constants } from "node:os";
import { describe, expect, test } from "vitest";
import { describeErrno, Errno } from "../../../shared/system/errno.ts";

describe("errno", () => {
  test("has the numbers of this kernel", () => {
    const known = Object.entries(Errno).filter(([name]) => name in constants.errno);
    expect(known.length).toBeGreaterThan(20);
    for (const [name, value] of known) expect(value, name).toBe(constants.errno[name as "ENOENT"]);
  });

  test("has words for every error of this kernel", () => {
    for (const [name, value] of Object.entries({ ...constants.errno, ...Errno }))
      expect(describeErrno(value), name).toMatch(/^[a-z][^0-9]+$/);
  });

  test("says of an unknown value that it is the kernel's", () => {
    expect(describeErrno(1234)).toBe("the kernel's error 1234");
  });
});
