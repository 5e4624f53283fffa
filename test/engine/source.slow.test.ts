import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { digest } from "../../scripts/digest.ts";
import { readCached } from "../../scripts/engine/cache.ts";
import { pins, release } from "../../scripts/engine/release.ts";
import { CACHED_ARCHIVE, engineSource } from "../../scripts/engine/source.ts";
import { useScratch } from "../helpers/scratch.ts";
import { closedAddress, originalArchive, repack, serve, serveFiles } from "./archives.ts";

let scratch: string;
useScratch((folder) => {
  scratch = folder;
});

let original: Buffer;
beforeAll(async () => {
  original = await originalArchive();
});

/** Where the build is to look, with a cache of its own. */
function lookAt(source: string): void {
  vi.stubEnv("PODWIRE_CACHE", join(scratch, "cache"));
  vi.stubEnv("PODWIRE_ENGINE_SOURCE", source);
}
beforeEach(() => {
  for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"])
    vi.stubEnv(name, "");
});
afterEach(() => vi.unstubAllEnvs());

async function expectEngine(): Promise<void> {
  const files = await engineSource();
  const sums = Object.fromEntries([...files].map(([name, content]) => [name, digest(content)]));
  expect(sums).toEqual(pins);
}

describe("the engine's source", () => {
  test("is the same from Debian's archive and from upstream's, fetched from an address", async () => {
    const packed = await repack(original, scratch);
    expect(packed.equals(original)).toBe(false);
    await using server = await serveFiles({ "/debian": original, "/upstream": packed });
    for (const path of ["/debian", "/upstream"]) {
      rmSync(join(scratch, "cache"), { recursive: true, force: true });
      lookAt(`${server.address}${path}`);
      await expectEngine();
    }
    expect(server.asked).toEqual(["/debian", "/upstream"]);
  });

  test.each(release.archives)("is taken from a folder that has %s", async (name) => {
    const folder = join(scratch, "offline");
    mkdirSync(folder);
    lookAt(folder);
    await expect(engineSource()).rejects.toThrow(`${folder} has none of ${release.archives.join(", ")}`);
    writeFileSync(join(folder, name), original);
    await expectEngine();
  });

  test("is taken from an archive of any name", async () => {
    const file = join(scratch, "engine.bin");
    lookAt(file);
    await expect(engineSource()).rejects.toThrow(`there is no ${file}`);
    writeFileSync(file, original);
    await expectEngine();
  });

  test("goes through the proxy of the environment", async () => {
    await using proxy = await serveFiles({ "http://sources.invalid/engine": original });
    vi.stubEnv("http_proxy", proxy.address);
    lookAt("http://sources.invalid/engine");
    await expectEngine();
    expect(proxy.asked).toEqual(["http://sources.invalid/engine"]);
  });
});

describe("what is not the engine's source", () => {
  const file = () => join(scratch, "engine.tar.xz");

  async function expectRefusal(archive: Uint8Array, message: RegExp): Promise<void> {
    writeFileSync(file(), archive);
    lookAt(file());
    await expect(engineSource()).rejects.toThrow(message);
    expect(readCached(CACHED_ARCHIVE)).toBeUndefined();
    expect(existsSync(join(scratch, "cache"))).toBe(false);
  }

  test("is an archive with a file that has one byte more, and the error names it", async () => {
    const changed = await repack(original, scratch, (folder) =>
      writeFileSync(join(folder, "cutils.c"), "\n", { flag: "a" }),
    );
    await expectRefusal(changed, /not QuickJS .*: cutils\.c has the SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}/);
  });

  test("is an archive without one of the files", async () => {
    const lessened = await repack(original, scratch, (folder) => rmSync(join(folder, "list.h")));
    await expectRefusal(lessened, /it has no list\.h/);
  });

  test("is an archive that is cut, or none", async () => {
    await expectRefusal(original.subarray(0, original.length / 2), /cannot be unpacked/);
    await expectRefusal(Buffer.from("<html>"), /cannot be unpacked/);
  });

  test("is an address that does not answer, has nothing, breaks off, or gives without end", async () => {
    lookAt(await closedAddress());
    await expect(engineSource()).rejects.toThrow(
      /127\.0\.0\.1:\d+.*ECONNREFUSED.*\n.*set PODWIRE_ENGINE_SOURCE/,
    );
    await using empty = await serveFiles({});
    lookAt(`${empty.address}/engine`);
    await expect(engineSource()).rejects.toThrow(/404/);
    await using breaking = await serve((_, response) => {
      response.writeHead(200, { "content-length": original.length });
      response.write(original.subarray(0, 1000), () => response.destroy());
    });
    lookAt(breaking.address);
    await expect(engineSource()).rejects.toThrow(breaking.address);
    await using endless = await serve((_, response) => {
      const more = () => response.write(Buffer.alloc(1 << 20), (error) => error ?? setImmediate(more));
      more();
    });
    lookAt(endless.address);
    await expect(engineSource()).rejects.toThrow(/gives more than \d+ bytes/);
    expect(existsSync(join(scratch, "cache"))).toBe(false);
  });

  test("leaves nothing that looks like it in the folder for temporary files", async () => {
    const temporary = join(scratch, "tmp");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    await expectRefusal(Buffer.from("<html>"), /cannot be unpacked/);
    expect(readdirSync(temporary)).toEqual([]);
  });
});
