/** Makes executables of a program in JavaScript. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileNative, type Objects } from "./compile.ts";
import { reserveHeap, withImage } from "./elf.ts";
import { run } from "./run.ts";
import { nativeToolchain, type Toolchain } from "./toolchain.ts";

/** Without symbols, unless they are wanted, and with room for its heap. */
async function finish(toolchain: Toolchain, path: string): Promise<void> {
  if (!toolchain.hasImage) return;
  if (!toolchain.keepsSymbols) await run(toolchain.strip, ["-s", path]);
  writeFileSync(path, reserveHeap(readFileSync(path)));
}

/** An executable that compiles scripts, and runs them without an image: for the build, and for tests of modules. */
async function linkEvaluator(toolchain: Toolchain, objects: Objects, output: string): Promise<void> {
  await objects.link(["evaluate.c"], output);
  await finish(toolchain, output);
}

/** The program with its modules evaluated. `output` is the executable; returns the image's bytes. */
async function linkWithImage(
  toolchain: Toolchain,
  objects: Objects,
  bytecode: string,
  output: string,
): Promise<number> {
  const [seed, image] = [join(objects.folder, "seed"), join(objects.folder, "image")];
  await objects.link(["main.c", "make-image.c"], seed);
  await finish(toolchain, seed);
  const [command = seed, ...words] = [...toolchain.runner, seed, bytecode, image];
  // Nothing of this process can come into the image, its environment above all.
  await run(command, words, { env: {} });
  const content = readFileSync(image);
  writeFileSync(output, withImage(readFileSync(seed), content));
  chmodSync(output, 0o755);
  return content.length;
}

export interface Built {
  /** Bytes of the image; 0 without one. */
  readonly image: number;
}

export interface Outputs {
  readonly executable: string;
  /** The executable of linkEvaluator, for this machine. */
  readonly evaluator: string;
}

/** For another processor, this machine's own compiler of scripts is faster than an emulated one. */
async function provideEvaluator(toolchain: Toolchain, objects: Objects, output: string): Promise<void> {
  if (toolchain.runner.length === 0) return linkEvaluator(toolchain, objects, output);
  const folder = join(objects.folder, "own");
  mkdirSync(folder);
  const own = await nativeToolchain();
  await linkEvaluator(own, await compileNative(own, folder), output);
}

const BYTECODE = "program.bytecode";

/**
 * Makes the executable of a script whose value is the program's function, in a folder that holds nothing but the toolchain's own
 * files. Throws what the compilers say, or the exception of a module that cannot be evaluated.
 */
export async function makeExecutable(
  toolchain: Toolchain,
  folder: string,
  script: string,
  { executable, evaluator }: Outputs,
): Promise<Built> {
  const objects = await compileNative(toolchain, folder);
  await provideEvaluator(toolchain, objects, evaluator);
  // Bytecode is the same for all processors.
  const bytecode = join(folder, BYTECODE);
  await run(evaluator, ["compile", script, bytecode]);
  if (toolchain.hasImage) return { image: await linkWithImage(toolchain, objects, bytecode, executable) };
  await objects.link(["evaluate.c"], executable, BYTECODE);
  return { image: 0 };
}
