/** Makes executables from a program in JavaScript. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileNative, type Objects } from "./compile.ts";
import { reserveHeap, withImage } from "./elf.ts";
import { run } from "./run.ts";
import { nativeToolchain, type Toolchain } from "./toolchain.ts";

/** Removes the symbols unless wanted, and reserves the heap. */
async function finish(toolchain: Toolchain, path: string): Promise<void> {
  if (!toolchain.hasImage) return;
  if (!toolchain.keepsSymbols) await run(toolchain.strip, ["-s", path]);
  writeFileSync(path, reserveHeap(readFileSync(path)));
}

/**
 * Links an executable that compiles scripts, and runs them without an image: for the build, and for tests of modules.
 */
async function linkEvaluator(toolchain: Toolchain, objects: Objects, output: string): Promise<void> {
  await objects.link(["evaluate.c"], output);
  await finish(toolchain, output);
}

/** Makes an executable with an image of the evaluated modules at `output`. Returns the image's size in bytes. */
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
  // An empty environment: nothing of this process may get into the image.
  await run(command, words, { env: {} });
  const content = readFileSync(image);
  writeFileSync(output, withImage(readFileSync(seed), content));
  chmodSync(output, 0o755);
  return content.length;
}

export interface Built {
  /** Image size in bytes; 0 without one. */
  readonly image: number;
}

export interface Outputs {
  readonly executable: string;
  /** The executable of linkEvaluator for this machine. */
  readonly evaluator: string;
}

/** For another processor, this machine's own evaluator compiles scripts: an emulated one is slower. */
async function provideEvaluator(toolchain: Toolchain, objects: Objects, output: string): Promise<void> {
  if (toolchain.runner.length === 0) return linkEvaluator(toolchain, objects, output);
  const folder = join(objects.folder, "own");
  mkdirSync(folder);
  const own = await nativeToolchain();
  await linkEvaluator(own, await compileNative(own, folder), output);
}

const BYTECODE = "program.bytecode";

/**
 * Makes the executable of a script whose value is the program's function. The folder may contain only the toolchain's
 * files. Throws the compilers' output, or the exception of a module's evaluation.
 */
export async function makeExecutable(
  toolchain: Toolchain,
  folder: string,
  script: string,
  { executable, evaluator }: Outputs,
): Promise<Built> {
  const objects = await compileNative(toolchain, folder);
  await provideEvaluator(toolchain, objects, evaluator);
  // Bytecode does not depend on the processor.
  const bytecode = join(folder, BYTECODE);
  await run(evaluator, ["compile", script, bytecode]);
  if (toolchain.hasImage) return { image: await linkWithImage(toolchain, objects, bytecode, executable) };
  await objects.link(["evaluate.c"], executable, BYTECODE);
  return { image: 0 };
}
