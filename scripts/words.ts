/** Fails on words that make the project's texts hard to read: `npm run lint`. CONTRIBUTING.md has the rules of style. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./bundle.ts";

/** Files and folders that are not checked yet. */
const excluded: readonly string[] = [];

/** Texts by others, the lists themselves, and their test. */
const ignored = /^(LICENSE|package-lock\.json|scripts\/words\.ts|test\/words\.pure\.test\.ts)$|\.(png|gz)$/;

/** Impersonal subjects, archaic words, and names that are no longer in use. */
const words: readonly string[] = [
  "nobody",
  "somebody",
  "anybody",
  "whoever",
  "whomever",
  "be it",
  "heed",
  "heeds",
  "heeded",
  "heeding",
  "midst",
  "tells",
  "anew",
  "is none",
  "no such",
  "unrecorded",
  "disorder",
  "stray",
  "strays",
];

/** The only exception: messages of the kernel, quoted as errno(3) has them. */
const quotedMessages = /no such (file or directory|process|device or address|device)/gi;

/** A word inside an identifier counts, too, and a pair of words may be split between two lines of a comment. */
const pattern = new RegExp(`\\b(${words.join("|").replaceAll(" ", "[\\s*/]+")})\\b`, "gi");

export interface Found {
  readonly line: number;
  readonly word: string;
}

/** The forbidden words in a text, with their lines from 1. */
export function findWords(text: string): Found[] {
  const plain = text
    .replaceAll(quotedMessages, "")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ");
  return [...plain.matchAll(pattern)].map(({ 0: word, index }) => ({
    line: plain.slice(0, index).split("\n").length,
    word: word.replaceAll(/[\s*/]+/g, " "),
  }));
}

function trackedFiles(): string[] {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0");
  const isChecked = (file: string) =>
    file !== "" &&
    existsSync(join(root, file)) &&
    !ignored.test(file) &&
    !excluded.some((start) => file.startsWith(start));
  return files.filter(isChecked);
}

function main(): number {
  const findings = trackedFiles().flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return findWords(text).map(({ line, word }) => `${file}:${line}: "${word}"`);
  });
  if (findings.length === 0) return 0;
  console.error(findings.join("\n"));
  console.error(`${findings.length} forbidden words: use a plain sentence with a subject (scripts/words.ts)`);
  return 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = main();
