import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";

const sha512 = (bytes: Uint8Array) => createHash("sha512").update(bytes).digest("hex");

/** Bytes of which none repeats the ones before it, made alike on both sides. */
const source =
  "const bytes = (size) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + 5) & 255);";
const bytes = (size: number) =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + 5) & 255);

describe("sha512", () => {
  test("is that of SHA-2 for sizes around the ends of its blocks", async () => {
    const sizes = [
      0, 1, 3, 55, 63, 64, 110, 111, 112, 113, 119, 120, 127, 128, 129, 239, 240, 241, 255, 256, 257, 1000,
    ];
    const digests = await evaluate(
      `${source} say(${JSON.stringify(sizes)}.map((size) => native.sha512(bytes(size))));`,
    );
    expect(digests).toEqual(sizes.map((size) => sha512(bytes(size))));
  });

  test("is that of SHA-2 for a megabyte and more", async () => {
    const sizes = [1_000_000, 1 << 20, (1 << 20) + 111];
    const digests = await evaluate(
      `${source} say(${JSON.stringify(sizes)}.map((size) => native.sha512(bytes(size))));`,
    );
    expect(digests).toEqual(sizes.map((size) => sha512(bytes(size))));
  });

  test("is that of SHA-2 for any bytes", async () => {
    const sample = fc.sample(fc.uint8Array({ maxLength: 400 }), 500);
    const lists = JSON.stringify(sample.map((each) => [...each]));
    expect(await evaluate(`say(${lists}.map((list) => native.sha512(Uint8Array.from(list))));`)).toEqual(
      sample.map(sha512),
    );
  });

  test("is of the memory that an array shows, whatever its elements are", async () => {
    const digests = await evaluate(`
      ${source}
      const all = bytes(1024);
      say([all.subarray(1, 500), all.subarray(1024), new Uint32Array(all.buffer, 8, 50), new Float64Array(all.buffer, 16)].map((each) => native.sha512(each)));`);
    const all = bytes(1024);
    expect(digests).toEqual(
      [all.subarray(1, 500), all.subarray(1024), all.subarray(8, 208), all.subarray(16)].map(sha512),
    );
  });
});
