/** The C library to link: this machine's musl or, for another processor, Debian's package of it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCached, writeCached } from "./cache.ts";
import { debianMirrors, inTemporaryFolder, withApt } from "./debian.ts";
import { type Linked, readMusl } from "./linked.ts";
import { run } from "./run.ts";

/** The C library that a compiler links, as its linker reports. */
export async function muslOf(compiler: string): Promise<Linked> {
  return inTemporaryFolder(async (folder) => {
    const source = join(folder, "empty.c");
    writeFileSync(source, "int main(void) { return 0; }\n");
    const words = ["-static", "-Wl,--trace", "-o", join(folder, "empty"), source];
    const library = /^.*\/libc\.a$/m.exec(await run(compiler, words))?.[0];
    if (library === undefined) throw new Error(`${compiler} links with no libc.a`);
    return readMusl(library, "ar");
  });
}

/** The version of Debian's musl package on this machine. */
async function ownPackage(): Promise<string> {
  const [, version = ""] = (await run("dpkg-query", ["-W", "musl-dev"])).trim().split("\t");
  return version;
}

/** Downloads the package from the first mirror that has it. Throws all their errors. */
async function download(architecture: string, version: string): Promise<Buffer> {
  const failures: string[] = [];
  for (const { address, suites } of await debianMirrors()) {
    const entries = suites.map((suite) => ["deb", address, suite] as const);
    try {
      return await withApt(entries, architecture, async (apt, folder) => {
        await apt("download", `musl-dev=${version}`);
        const [name = ""] = readdirSync(folder);
        return readFileSync(join(folder, name));
      });
    } catch (error) {
      failures.push(`${address}: ${(error as Error).message.trim()}`);
    }
  }
  throw new Error(
    `musl-dev ${version} for ${architecture} is not to be had from a mirror of Debian's: is this machine up to date?\n${failures.join("\n")}`,
  );
}

/**
 * Unpacks musl for another architecture of Debian into a folder, in the version of this machine. apt's signature
 * verifies it: a pinned digest would be outdated by Debian's next update.
 */
export async function unpackMusl(architecture: string, folder: string): Promise<void> {
  const version = await ownPackage();
  const name = `musl/musl-dev_${version}_${architecture}`;
  let content = readCached(name);
  if (content === undefined) {
    content = await download(architecture, version);
    writeCached(name, content);
  }
  mkdirSync(folder);
  const file = join(folder, "musl-dev.deb");
  writeFileSync(file, content);
  await run("dpkg-deb", ["-x", file, folder]);
}
