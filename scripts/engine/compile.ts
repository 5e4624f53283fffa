/**
 * Compiles the engine, once per toolchain, and our C with it. All files are in one folder and have relative paths
 * there, so the result contains no path of the building machine.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { digest, digestOfFile } from "../digest.ts";
import { readCached, writeCached } from "./cache.ts";
import { changed, changes } from "./changes.ts";
import { pins, release } from "./release.ts";
import { run } from "./run.ts";
import { engineSource } from "./source.ts";
import type { Toolchain } from "./toolchain.ts";

const nativeFolder = fileURLToPath(new URL("../../native", import.meta.url));

/** Files that are compiled with the engine: a change of one compiles the engine again. */
const engineParts = ["engine.c", "engine.h", "image.h", "fortify.h"];
const engineSources = ["libregexp.c", "libunicode.c", "cutils.c", "dtoa.c"];
/** Entry points: each executable has one of them. */
const mains = ["main.c", "evaluate.c", "make-image.c"];

const warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"];

/** Works on as many items at once as there are processors. When it throws, all started work has ended. */
async function forAll<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const workers = Array.from({ length: availableParallelism() }, async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  });
  const results = await Promise.allSettled(workers);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function layOut(folder: string, engine: ReadonlyMap<string, Buffer>): void {
  for (const name of ["engine", "objects"]) mkdirSync(join(folder, name));
  cpSync(nativeFolder, join(folder, "native"), { recursive: true });
  for (const [name, content] of engine) {
    const text = changes.some(({ file }) => file === name) ? changed(name, content.toString()) : content;
    writeFileSync(join(folder, "engine", name), text);
  }
}

const objectOf = (source: string) => `objects/${basename(source, ".c")}.o`;

/** Compiles sources by their paths in the folder. */
const compile = (toolchain: Toolchain, folder: string, sources: readonly string[], own: readonly string[]) =>
  forAll(sources, async (source) => {
    const flags = [...toolchain.flags, ...own, "-isystem", "engine", "-I", "native"];
    await run(toolchain.compiler, [...flags, "-c", "-o", objectOf(source), source], { cwd: folder });
  });

/** Compiles the engine into one archive, with warnings off: the source is not ours. */
async function compileEngine(toolchain: Toolchain, folder: string): Promise<Buffer> {
  const sources = engineSources.map((name) => `engine/${name}`);
  await compile(toolchain, folder, sources, ["-w", `-DCONFIG_VERSION="${release.version}"`]);
  await compile(
    toolchain,
    folder,
    ["native/engine.c"],
    [...warnings, `-DCONFIG_VERSION="${release.version}"`],
  );
  const objects = ["native/engine.c", ...sources].map(objectOf).sort();
  await run(toolchain.archiver, ["rcsD", "engine.a", ...objects], { cwd: folder });
  return readFileSync(join(folder, "engine.a"));
}

/** The cache key: a digest of everything that the result depends on. */
async function keyOf({ compiler, flags, linked }: Toolchain): Promise<string> {
  const version = await run(compiler, ["--version"]);
  const parts = engineParts.map((name) => digestOfFile(join(nativeFolder, name)));
  return digest(JSON.stringify([pins, changes, parts, flags, warnings, version, linked])).slice(0, 32);
}

/** Puts the archive of the engine's objects into the folder: from the cache, or compiled. */
async function provideEngine(toolchain: Toolchain, folder: string): Promise<void> {
  const name = `engine/${toolchain.name}-${await keyOf(toolchain)}.a`;
  const kept = readCached(name);
  if (kept === undefined) writeCached(name, await compileEngine(toolchain, folder));
  else writeFileSync(join(folder, "engine.a"), kept);
}

export interface Objects {
  readonly folder: string;
  /** Links an executable with one of the entry points. `embedded` is a file of bytecode to include. */
  link(mains: readonly string[], output: string, embedded?: string): Promise<void>;
}

/** Compiles our C beside the engine. `folder` may contain only the toolchain's files. */
export async function compileNative(toolchain: Toolchain, folder: string): Promise<Objects> {
  layOut(folder, await engineSource());
  await provideEngine(toolchain, folder);
  const sources = readdirSync(nativeFolder).filter((name) => name.endsWith(".c") && name !== "engine.c");
  const used = sources.filter(
    (name) => toolchain.hasImage || !["main.c", "make-image.c", "fortify.c"].includes(name),
  );
  const paths = used.map((name) => `native/${name}`);
  await compile(toolchain, folder, paths, warnings);
  const always = used.filter((name) => !mains.includes(name));
  const link: Objects["link"] = async (entries, output, embedded) => {
    const objects = [...entries, ...always].map(objectOf);
    const embedding = [...(embedded === undefined ? [] : [`-DEMBEDDED="${embedded}"`]), "native/embedded.S"];
    const inputs = [...objects, "engine.a", ...embedding];
    await run(toolchain.compiler, ["-o", output, ...inputs, ...toolchain.linkFlags], { cwd: folder });
  };
  return { folder, link };
}
