import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { execa } from "execa";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { cacheFolder, readCached, writeCached } from "../../scripts/engine/cache.ts";
import { CACHED_ARCHIVE, engineSource } from "../../scripts/engine/source.ts";
import { projectRoot, requireRoot } from "../helpers/index.ts";
import { useScratch } from "../helpers/scratch.ts";
import { closedAddress, originalArchive, serveFiles } from "./archives.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
  vi.stubEnv("PODWIRE_CACHE", join(folder, "cache"));
});
afterEach(() => vi.unstubAllEnvs());

let original: Buffer;
beforeAll(async () => {
  original = await originalArchive();
});

const kept = () => join(scratch, "cache", CACHED_ARCHIVE);

describe("what a build keeps", () => {
  test("is where PODWIRE_CACHE or XDG_CACHE_HOME say, or in the user's home", () => {
    expect(cacheFolder()).toBe(join(scratch, "cache"));
    vi.stubEnv("PODWIRE_CACHE", "");
    vi.stubEnv("XDG_CACHE_HOME", scratch);
    expect(cacheFolder()).toBe(join(scratch, "podwire"));
    // By its specification, a path that is not absolute is no answer.
    vi.stubEnv("XDG_CACHE_HOME", "relative");
    expect(cacheFolder()).toBe(join(homedir(), ".cache/podwire"));
  });

  test("spares the next build the network", async () => {
    await using server = await serveFiles({ "/engine": original });
    vi.stubEnv("PODWIRE_ENGINE_SOURCE", `${server.address}/engine`);
    await engineSource();
    expect(server.asked).toHaveLength(1);
    vi.stubEnv("PODWIRE_ENGINE_SOURCE", await closedAddress());
    await engineSource();
    expect(server.asked).toHaveLength(1);
  });

  const damages: [string, (path: string) => void][] = [
    [
      "changed in one byte",
      (path) => {
        const content = readFileSync(path);
        content[content.length - 1] = (content.at(-1) ?? 0) ^ 1;
        writeFileSync(path, content);
      },
    ],
    ["cut off", (path) => truncateSync(path, 1000)],
    ["emptied", (path) => truncateSync(path, 0)],
    ["one that everybody may write", (path) => chmodSync(path, 0o666)],
  ];
  if (requireRoot()) damages.push(["another user's", (path) => chownSync(path, 65534, 65534)]);

  test.each(damages)("is fetched again when it is %s", async (_, damage) => {
    await using server = await serveFiles({ "/engine": original });
    vi.stubEnv("PODWIRE_ENGINE_SOURCE", `${server.address}/engine`);
    await engineSource();
    damage(kept());
    await engineSource();
    expect(server.asked).toHaveLength(2);
    await engineSource();
    expect(server.asked).toHaveLength(2);
    expect(readCached(CACHED_ARCHIVE)?.equals(original)).toBe(true);
  });

  test("is refused by the pins, if it is another archive that was kept whole", async () => {
    writeCached(CACHED_ARCHIVE, Buffer.from("another archive"));
    await using server = await serveFiles({ "/engine": original });
    vi.stubEnv("PODWIRE_ENGINE_SOURCE", `${server.address}/engine`);
    await engineSource();
    expect(server.asked).toHaveLength(1);
    expect(readCached(CACHED_ARCHIVE)?.equals(original)).toBe(true);
  });

  test("is whole at any time while several builds writeCached it at once", async () => {
    const script = (letter: string) => `
      import { writeCached } from "./scripts/engine/cache.ts";
      for (let round = 0; round < 200; round++) writeCached("engine/shared.a", Buffer.alloc(1 << 16, "${letter}"));
    `;
    writeCached("engine/shared.a", Buffer.alloc(1 << 16, "0"));
    const builds = ["a", "b", "c"].map((letter) =>
      execa(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script(letter)], {
        cwd: projectRoot,
      }),
    );
    let atWork = true;
    const end = Promise.all(builds).finally(() => {
      atWork = false;
    });
    const seen = new Set<string>();
    while (atWork) {
      seen.add(readCached("engine/shared.a")?.toString("latin1") ?? "broken");
      await setImmediate();
    }
    await end;
    for (const content of seen) expect(content).toMatch(/^([0abc])\1{65535}$/);
    expect(seen.size).toBeGreaterThan(1);
    expect(readdirSync(join(scratch, "cache/engine"))).toEqual(["shared.a"]);
  });

  test("is dropped when no build has used it for long, as is what a killed build has left", () => {
    for (const name of ["old", "used"]) writeCached(`engine/${name}`, Buffer.from(name));
    const folder = join(scratch, "cache/engine");
    mkdirSync(join(folder, ".new-killed"));
    const past = new Date(Date.now() - 100 * 24 * 3600_000);
    for (const name of ["old", "used", ".new-killed"]) utimesSync(join(folder, name), past, past);
    expect(readCached("engine/used")?.toString()).toBe("used");
    writeCached("engine/new", Buffer.from("new"));
    expect(readdirSync(folder).sort()).toEqual(["new", "used"]);
  });

  test("is for its user alone", () => {
    writeCached("engine/own.a", Buffer.from("own"));
    expect(statSync(join(scratch, "cache/engine")).mode & 0o777).toBe(0o700);
    expect(statSync(join(scratch, "cache/engine/own.a")).mode & 0o777).toBe(0o600);
  });
});

describe("a build that can writeCached nothing", () => {
  /** What is said on standard error meanwhile. */
  async function saidBy(work: () => Promise<void>): Promise<string> {
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      await work();
      return said.mock.calls.join("");
    } finally {
      said.mockRestore();
    }
  }

  test.each([
    ["the folder cannot be made", () => ({ PODWIRE_CACHE: "/dev/null/cache" })],
    ["the user has no home", () => ({ PODWIRE_CACHE: "", XDG_CACHE_HOME: "", HOME: "" })],
    ["the home is a file", () => ({ PODWIRE_CACHE: "", XDG_CACHE_HOME: "", HOME: join(scratch, "engine") })],
  ])("works, and says so: %s", async (_, environment) => {
    writeFileSync(join(scratch, "engine"), original);
    vi.stubEnv("PODWIRE_ENGINE_SOURCE", join(scratch, "engine"));
    for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
    const said = await saidBy(async () => expect((await engineSource()).size).toBeGreaterThan(10));
    expect(said).toMatch(/has to make source\/\S+ again: .*PODWIRE_CACHE/);
    expect(existsSync(join(scratch, "cache"))).toBe(false);
  });
});
