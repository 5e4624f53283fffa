import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isAtLeast,
  isSupported,
  latestVersion,
  readVersion,
  supportedVersions,
} from "../../../shared/cni/version.ts";

const numeric = (version: string): number =>
  version.split(".").reduce((sum, part) => sum * 1000 + Number(part), 0);

describe("versions of the specification", () => {
  test("are all that were published up to 1.1.0, oldest first", () => {
    expect(supportedVersions).toEqual(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
    expect(latestVersion).toBe("1.1.0");
  });

  test("compare as their numbers do", () => {
    for (const version of supportedVersions) {
      for (const minimum of supportedVersions) {
        expect(isAtLeast(version, minimum)).toBe(numeric(version) >= numeric(minimum));
      }
    }
  });

  test.each([undefined, ""])("are 0.1.0 where a configuration has %j", (value) => {
    expect(readVersion(value)).toBe("0.1.0");
  });

  test("are taken literally", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 1 }), fc.stringMatching(/^\d\.\d(\.\d)?$/)), (text) => {
        if (isSupported(text)) expect(readVersion(text)).toBe(text);
        else expect(() => readVersion(text)).toThrow(expect.objectContaining({ code: 1 }));
      }),
    );
    for (const almost of ["1.0", "1", "v1.0.0", "1.0.0 ", "01.0.0", "1.0.0-rc1"]) {
      expect(() => readVersion(almost), almost).toThrow("incompatible CNI versions");
    }
  });

  test("are named in a refusal, so that a person can pick one", () => {
    expect(() => readVersion("9.9.9")).toThrow(
      expect.objectContaining({ details: expect.stringMatching(/"9\.9\.9".*0\.1\.0, 0\.2\.0.*1\.1\.0/) }),
    );
  });
});
