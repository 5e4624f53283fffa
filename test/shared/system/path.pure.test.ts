import { posix } from "node:path";
import fc from "fast-check";
import { describe, test } from "vitest";
import { baseName, dirName, extName, join, resolve } from "../../../shared/system/path.ts";

const part = fc.oneof(
  fc.constantFrom("", ".", "..", "...", "a", ".b", "b.", "c.conf", "d.e.conflist", "\u00fc"),
  fc.string({ maxLength: 4 }),
);
const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/"));
const absolute = path.map((text) => `/${text}`);
/** As join and resolve make them. */
const plain = path.map((text) => posix.normalize(text)).filter((text) => text === "/" || !text.endsWith("/"));

describe("a path is, as node:path has it,", () => {
  test("joined", () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 4 }), (parts) => join(...parts) === posix.join(...parts)),
    );
  });

  test("resolved from a folder", () => {
    fc.assert(
      fc.property(absolute, path, (folder, text) => resolve(folder, text) === posix.resolve(folder, text)),
    );
  });

  test.each([
    ["its last part", baseName, posix.basename],
    ["the folder it is in", dirName, posix.dirname],
    ["what its name ends in", extName, posix.extname],
  ])("%s", (_what, ours, theirs) => {
    fc.assert(fc.property(plain, (text) => ours(text) === theirs(text)));
  });
});
