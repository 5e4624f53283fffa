/** Compiles the engine, once for each toolchain, and our C with it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { digest, keep, readKept } from "./cache.ts";
import { changed, changes } from "./changes.ts";
import { pins, release } from "./release.ts";
import { engineSource } from "./source.ts";
import { nativeFolder, type Toolchain } from "./toolchain.ts";

/** What is compiled with the engine's source: a change of these compiles it anew. */
const engineParts = ["engine.c", "engine.h", "image.h", "fortify.h"];
const engineSources = ["libregexp.c", "libunicode.c", "cutils.c", "dtoa.c"];
/** Entry points: one of them in each executable. */
const mains = ["main.c", "evaluate.c", "make-image.c"];

const warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"];

/** Paths of the building machine would make two builds differ. */
const withoutPaths = (folder: string) => [
  `-ffile-prefix-map=${folder}=.`,
  `-ffile-prefix-map=${nativeFolder}=native`,
];

async function run(command: string, words: readonly string[]): Promise<void> {
  const { failed, stderr, message } = await execa(command, words, { reject: false });
  if (failed) throw new Error(`${command} ${words.at(-1) ?? ""}: ${stderr === "" ? message : stderr}`);
}

/** Does as much at once as there are processors. */
async function forAll<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const workers = Array.from({ length: availableParallelism() }, async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  });
  await Promise.all(workers);
}

function layOut(folder: string, files: ReadonlyMap<string, Buffer>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) {
    const text = changes.some(({ file }) => file === name) ? changed(name, content.toString()) : content;
    writeFileSync(join(folder, name), text);
  }
}

/** The engine's objects in one archive. Its own warnings are not ours. */
async function compileEngine(toolchain: Toolchain, source: string): Promise<Buffer> {
  const objects: string[] = [];
  const flags = [...toolchain.flags, `-DCONFIG_VERSION="${release.version}"`, ...withoutPaths(source)];
  const parts = [
    [join(nativeFolder, "engine.c"), [...warnings, "-isystem", source]],
    ...engineSources.map((name) => [join(source, name), ["-w"]] as const),
  ] as const;
  await forAll(parts, async ([file, own]) => {
    const object = join(source, `${basename(file, ".c")}.o`);
    objects.push(object);
    await run(toolchain.compiler, [...flags, ...own, "-I", nativeFolder, "-c", "-o", object, file]);
  });
  const archive = join(source, "engine.a");
  await run(toolchain.archiver, ["rcsD", archive, ...objects.sort()]);
  return readFileSync(archive);
}

async function keyOf(toolchain: Toolchain): Promise<string> {
  const { stdout: compiler } = await execa(toolchain.compiler, ["--version"]);
  const parts = engineParts.map((name) => digest(readFileSync(join(nativeFolder, name))));
  const flags = toolchain.flags.map((flag) => flag.replaceAll(nativeFolder, "native"));
  return digest(JSON.stringify([pins, changes, parts, flags, warnings, compiler])).slice(0, 32);
}

/** The archive of the engine's objects, kept from an earlier build or compiled now. */
async function engineArchive(toolchain: Toolchain, source: string): Promise<Buffer> {
  const name = `engine/${toolchain.name}-${await keyOf(toolchain)}.a`;
  const kept = readKept(name);
  if (kept !== undefined) return kept;
  const made = await compileEngine(toolchain, source);
  keep(name, made);
  return made;
}

export interface Objects {
  readonly folder: string;
  /** Links an executable with one of the entry points. `embedded` is a file of bytecode that goes into it. */
  link(mains: readonly string[], output: string, embedded?: string): Promise<void>;
}

/** Our C, compiled beside the engine, for as long as the work lasts. */
export async function withObjects<Value>(
  toolchain: Toolchain,
  work: (objects: Objects) => Promise<Value>,
): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-native-"));
  try {
    layOut(folder, await engineSource());
    const archive = join(folder, "engine.a");
    writeFileSync(archive, await engineArchive(toolchain, folder));
    const flags = [
      ...toolchain.flags,
      ...withoutPaths(folder),
      ...warnings,
      "-isystem",
      folder,
      "-I",
      nativeFolder,
    ];
    const object = (name: string) => join(folder, `${name}.o`);
    const sources = readdirSync(nativeFolder).filter((name) => name.endsWith(".c") && name !== "engine.c");
    const used = sources.filter(
      (name) => toolchain.hasImage || !["main.c", "make-image.c", "fortify.c"].includes(name),
    );
    await forAll(used, (name) =>
      run(toolchain.compiler, [...flags, "-c", "-o", object(name), join(nativeFolder, name)]),
    );
    const link = async (entries: readonly string[], output: string, embedded?: string): Promise<void> => {
      const embedding = [join(nativeFolder, "embedded.S")];
      if (embedded !== undefined) embedding.unshift(`-DEMBEDDED="${embedded}"`);
      const always = used.filter((name) => !mains.includes(name)).map(object);
      const inputs = [...entries.map(object), ...always, archive, ...embedding];
      await run(toolchain.compiler, ["-o", output, ...inputs, ...toolchain.linkFlags]);
    };
    return await work({ folder, link });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
