/** Makes executables of a program in JavaScript. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { type Objects, withObjects } from "./compile.ts";
import { reserveHeap, withImage } from "./elf.ts";
import { nativeToolchain, type Toolchain } from "./toolchain.ts";

/** Without symbols, unless they are wanted, and with room for its heap. */
async function finish(toolchain: Toolchain, path: string): Promise<void> {
  if (!toolchain.hasImage) return;
  if (!toolchain.keepsSymbols) await execa(toolchain.strip, ["-s", path]);
  writeFileSync(path, reserveHeap(readFileSync(path)));
}

/** An executable that compiles scripts, and runs them without an image: for the build, and for tests of modules. */
export async function linkEvaluator(toolchain: Toolchain, objects: Objects, output: string): Promise<void> {
  await objects.link(["evaluate.c"], output);
  await finish(toolchain, output);
}

/** Compiles a script to bytecode, which is the same for all processors. */
export async function compileScript(evaluator: string, script: string, bytecode: string): Promise<void> {
  await execa(evaluator, ["compile", script, bytecode]);
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
  await execa(command, words, { env: {}, extendEnv: false });
  const content = readFileSync(image);
  writeFileSync(output, withImage(readFileSync(seed), content));
  chmodSync(output, 0o755);
  return content.length;
}

export interface Built {
  /** Bytes of the image; 0 without one. */
  readonly image: number;
}

/**
 * Makes the executable of a script whose value is the program's function. `evaluator` gets the executable of linkEvaluator
 * for this machine, if a path is given.
 */
export async function makeExecutable(
  toolchain: Toolchain,
  script: string,
  output: string,
  evaluator?: string,
): Promise<Built> {
  return withObjects(toolchain, async (objects) => {
    const bytecode = join(objects.folder, "program.bytecode");
    if (toolchain.runner.length === 0) {
      const own = evaluator ?? join(objects.folder, "evaluate");
      await linkEvaluator(toolchain, objects, own);
      await compileScript(own, script, bytecode);
    } else {
      await compileForeign(script, bytecode);
    }
    if (toolchain.hasImage) return { image: await linkWithImage(toolchain, objects, bytecode, output) };
    await objects.link(["evaluate.c"], output, bytecode);
    return { image: 0 };
  });
}

/** For another processor, this machine's own compiler is faster than an emulated one. */
async function compileForeign(script: string, bytecode: string): Promise<void> {
  const own = await nativeToolchain();
  await withObjects(own, async (objects) => {
    const evaluator = join(objects.folder, "evaluate");
    await linkEvaluator(own, objects, evaluator);
    await compileScript(evaluator, script, bytecode);
  });
}
