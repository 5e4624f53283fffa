import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { labelOf, readSource, requireSame } from "../../scripts/release/source.ts";
import { canRun } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe.runIf(canRun("git"))("the source of a release", () => {
  const git = (...args: string[]) =>
    execa("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: scratch });

  test("is a commit and its time, and files that are not as in it are refused or named", async () => {
    await git("init", "-q");
    writeFileSync(join(scratch, "file"), "a");
    await git("add", ".");
    await git("commit", "-qm", "a", "--date", "2023-11-14T22:13:20Z");
    const clean = await readSource(scratch, undefined);
    expect(clean).toMatchObject({ changes: [], commit: (await git("rev-parse", "HEAD")).stdout });
    expect(clean.time).toBe(Number((await git("log", "-1", "--format=%ct")).stdout));
    expect((await readSource(scratch, "1700000000")).time).toBe(1_700_000_000);
    expect(labelOf("1.2.3", clean, false)).toBe("1.2.3");
    writeFileSync(join(scratch, "file"), "b");
    writeFileSync(join(scratch, "other"), "");
    const dirty = await readSource(scratch, undefined);
    expect(dirty.changes).toEqual([" M file", "?? other"]);
    expect(() => labelOf("1.2.3", dirty, false)).toThrow(/ M file\n\?\? other\n.*--allow-dirty/);
    expect(labelOf("1.2.3", dirty, true)).toBe("1.2.3-dirty");
    expect(() => requireSame(clean, { ...clean })).not.toThrow();
    expect(() => requireSame(clean, dirty)).toThrow(/has changed while.*\n[0-9a-f]{40}\n M file/);
  });

  test("without git needs a time that is one", async () => {
    await expect(readSource(scratch, undefined)).rejects.toThrow(/set SOURCE_DATE_EPOCH/);
    expect(await readSource(scratch, "17")).toEqual({ commit: undefined, changes: [], time: 17 });
    for (const bad of ["yesterday", "-1", "1.5"])
      await expect(readSource(scratch, bad)).rejects.toThrow(/whole seconds/);
  });
});
