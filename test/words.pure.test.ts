/** The glossary and the check of words (scripts/words.ts). */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../scripts/bundle.ts";
import { findWords } from "../scripts/words.ts";

/** Identifiers as words: `ownerIndexOf` has the term "owner index". */
const plainText = (text: string): string =>
  text
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/[\s_*/-]+/g, " ")
    .toLowerCase();

const isSource = (file: string): boolean =>
  /^(cli|ipam|native|plugins|scripts|shared)\/.*\.(c|h|ts)$/.test(file);

function readSources(): string {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0");
  const sources = files.filter((file) => isSource(file) && existsSync(join(root, file)));
  return plainText(sources.map((file) => readFileSync(join(root, file), "utf8")).join("\n"));
}

function glossaryTerms(): string[] {
  const text = readFileSync(join(root, "docs/glossary.md"), "utf8");
  const rows = text.split("\n").filter((line) => /^\| (?!Term |---)/.test(line));
  return rows.map((row) => (row.split("|")[1] ?? "").trim());
}

describe("the glossary", () => {
  const terms = glossaryTerms();

  test("has each term once", () => {
    expect(terms.length).toBeGreaterThan(80);
    expect(terms.filter((term, index) => terms.indexOf(term) !== index)).toEqual([]);
  });

  test("has only terms that occur in the sources", () => {
    const sources = readSources();
    const missing = terms.filter((term) => !sources.includes(plainText(term)));
    expect(missing).toEqual([]);
  });

  test("gives each term a meaning and a source", () => {
    const text = readFileSync(join(root, "docs/glossary.md"), "utf8");
    for (const row of text.split("\n").filter((line) => line.startsWith("| ")))
      expect(
        row
          .split("|")
          .map((cell) => cell.trim())
          .filter((cell) => cell !== ""),
      ).toHaveLength(3);
  });
});

describe("a forbidden word", () => {
  test.each([
    ["a comment", "one\n// nobody reads it", 2, "nobody"],
    ["an identifier", "const isNobody = 1;", 1, "Nobody"],
    ["a constant", "\n\nHEED_SIGNALS", 3, "HEED"],
    ["two lines of a comment", "/**\n * it has no\n * such key\n */", 2, "no such"],
  ])("is found in %s", (_, text, line, word) => {
    expect(findWords(text)).toEqual([{ line, word }]);
  });

  test("is not found inside another word, or in a message of the kernel", () => {
    expect(findWords("heedless retold; ls: No such file or directory; no such process")).toEqual([]);
  });
});
