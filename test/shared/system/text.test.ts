import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, textOf } from "../../../shared/system/text.ts";

describe("a text", () => {
  test("has the bytes of UTF-8, and comes back from them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect([...bytesOf(text)]).toEqual([...Buffer.from(text)]);
        expect(textOf(bytesOf(text))).toBe(text);
      }),
    );
  });

  test("of any bytes is what Buffer makes of them, a byte order mark included", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => textOf(bytes) === Buffer.from(bytes).toString()));
    expect(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });
});
