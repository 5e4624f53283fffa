import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { report, writeReport } from "../../scripts/release/report.ts";
import { targets } from "../../scripts/release/targets.ts";
import { makeWhole } from "../../scripts/release/whole.ts";
import { useScratch } from "./scratch.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe("the folder of a release", () => {
  const output = () => join(scratch, "release");

  test("is there when all of it is, and no older one before", async () => {
    for (const text of ["old", "new"]) {
      await makeWhole(output(), async (unfinished) => {
        expect(existsSync(output())).toBe(false);
        expect(readdirSync(unfinished)).toEqual([]);
        writeFileSync(join(unfinished, "archive"), text);
      });
      expect(readFileSync(join(output(), "archive"), "utf8")).toBe(text);
      expect(readdirSync(scratch)).toEqual(["release"]);
    }
  });

  test("is not there after a failure, and the next run begins anew", async () => {
    const failing = makeWhole(output(), async (unfinished) => {
      writeFileSync(join(unfinished, "half"), "");
      throw new Error("no space");
    });
    await expect(failing).rejects.toThrow("no space");
    expect(existsSync(output())).toBe(false);
    await makeWhole(output(), async (unfinished) => writeFileSync(join(unfinished, "whole"), ""));
    expect(readdirSync(output())).toEqual(["whole"]);
  });
});

describe("the table of a release", () => {
  const [target = { name: "", runtime: "" }] = targets;
  const table = report([
    { target, archive: "a.tar.gz", archiveSize: 52_700_000, size: 112_800_000, how: "run", start: 5.04 },
    { target, archive: "b.tar.gz", archiveSize: 1, size: 1, how: undefined, start: undefined },
  ]);

  test("says size and start, and what was not run", () => {
    expect(table).toMatch(/`a\.tar\.gz` +\| 52\.7 MB +\| 112\.8 MB +\| 5\.0 ms +\| run /);
    expect(table).toMatch(/`b\.tar\.gz`.*\| not run/);
  });

  test("takes the place of the one before, and nothing else changes", () => {
    const file = join(scratch, "README.md");
    writeFileSync(file, "before\n<!-- release -->\nold\n<!-- /release -->\nafter\n");
    writeReport(file, table);
    expect(readFileSync(file, "utf8")).toBe(`before\n<!-- release -->\n${table}\n<!-- /release -->\nafter\n`);
    writeFileSync(file, "no marks\n");
    expect(() => writeReport(file, table)).toThrow(/no marks/);
  });
});
