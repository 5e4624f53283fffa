import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeBetweenMarks } from "../../scripts/markdown.ts";
import { fillFolder } from "../../scripts/release/complete-folder.ts";
import { report } from "../../scripts/release/report.ts";
import { targets } from "../../scripts/release/targets.ts";
import { useScratch } from "../helpers/scratch.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe("the folder of a release", () => {
  const output = () => join(scratch, "release");

  test("is there when all of it is, and no older one before", async () => {
    for (const text of ["old", "new"]) {
      await fillFolder(output(), async (unfinished) => {
        expect(existsSync(output())).toBe(false);
        expect(readdirSync(unfinished)).toEqual([]);
        writeFileSync(join(unfinished, "archive"), text);
      });
      expect(readFileSync(join(output(), "archive"), "utf8")).toBe(text);
      expect(readdirSync(scratch)).toEqual(["release"]);
    }
  });

  test("is not there after a failure, and the next run starts from nothing", async () => {
    const failing = fillFolder(output(), async (unfinished) => {
      writeFileSync(join(unfinished, "half"), "");
      throw new Error("no space");
    });
    await expect(failing).rejects.toThrow("no space");
    expect(existsSync(output())).toBe(false);
    await fillFolder(output(), async (unfinished) => writeFileSync(join(unfinished, "whole"), ""));
    expect(readdirSync(output())).toEqual(["whole"]);
  });
});

describe("the table of a release", () => {
  const [target = { name: "", processor: "x64" }] = targets;
  const table = report([
    { target, archive: "a.tar.gz", archiveSize: 1_120_000, size: 6_090_000, how: "run", start: 1.04 },
    { target, archive: "b.tar.gz", archiveSize: 1, size: 1, how: "by qemu", start: undefined },
  ]);

  test("says size and start, and how each was run", () => {
    expect(table).toMatch(/`a\.tar\.gz` +\| 1\.1 MB +\| 6\.1 MB +\| 1\.0 ms +\| run /);
    expect(table).toMatch(/`b\.tar\.gz` .*\| +\| by qemu/);
  });

  test("takes the place of the one before, and nothing else changes", () => {
    const file = join(scratch, "README.md");
    writeFileSync(file, "before\n<!-- release -->\nold\n<!-- /release -->\nafter\n");
    writeBetweenMarks(file, "release", table);
    expect(readFileSync(file, "utf8")).toBe(`before\n<!-- release -->\n${table}\n<!-- /release -->\nafter\n`);
    writeFileSync(file, "no marks\n");
    expect(() => writeBetweenMarks(file, "release", table)).toThrow(/no marks/);
  });
});
