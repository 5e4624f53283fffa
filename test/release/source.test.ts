import { createHash } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { fetchRuntime, readLock, verify } from "../../scripts/release/runtime.ts";
import { labelOf, readSource, requireSame } from "../../scripts/release/source.ts";
import { targets } from "../../scripts/release/targets.ts";
import { canRun, projectRoot } from "../helpers/index.ts";
import { useScratch } from "./scratch.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

describe("a run time", () => {
  test.each(targets)(
    "for $name is in the lock file, with a checksum, at the version that builds here",
    ({ runtime }) => {
      const locked = readLock(projectRoot, runtime);
      expect(locked.integrity).toMatch(/^sha512-/);
      expect(locked.version).toBe(readLock(projectRoot, "@oven/bun-linux-x64").version);
    },
  );

  test("that cannot be fetched is told, and leaves nothing that looks fetched", async () => {
    vi.stubEnv("npm_config_registry", "http://127.0.0.1:1");
    try {
      const fetching = fetchRuntime(projectRoot, "@oven/bun-linux-x64", scratch);
      await expect(fetching).rejects.toThrow(/cannot get @oven\/bun-linux-x64 \d.* from the npm registry/);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(readdirSync(scratch)).toEqual(["partial"]);
  });

  test("that is not what the lock file says is refused", () => {
    const file = join(scratch, "bun.tgz");
    writeFileSync(file, "content");
    const integrity = `sha512-${createHash("sha512").update("content").digest("base64")}`;
    expect(() => verify(file, { version: "1.0.0", integrity })).not.toThrow();
    writeFileSync(file, "Content");
    expect(() => verify(file, { version: "1.0.0", integrity })).toThrow(/not what package-lock.json says/);
  });
});

describe.runIf(canRun("git"))("the source of a release", () => {
  const git = (...args: string[]) =>
    execa("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: scratch });

  test("is a commit and its time, and files that are not as in it are refused or told", async () => {
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
