/** Modules of the project as scripts, which the engine runs without an image: for tests and benchmarks. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { distFolder } from "../test/helpers/paths.ts";
import { forEngine, root } from "./bundle.ts";

/** An executable with the engine and the natives that evaluates a script at its start. */
export const evaluator = join(distFolder, "evaluate");

/**
 * Bundles a TypeScript module for the engine. Paths in it are relative to the project's folder. The optional export
 * `main` gets the words after the script's path and returns the exit code.
 */
async function bundleModule(source: string): Promise<string> {
  const result = await build({
    ...forEngine,
    stdin: { contents: source, resolveDir: root, loader: "ts" },
    globalName: "exported",
    inject: [join(root, "scripts/engine/console.js")],
    logLevel: "error",
  });
  // The evaluator calls the script's value, as an executable does, and exits with its result.
  return `(([, ...words]) => {${result.outputFiles[0]?.text ?? ""}\nreturn exported?.main?.(words) ?? 0; });`;
}

export interface ModuleScript extends AsyncDisposable {
  /** The arguments of `evaluator` that run the module: `node.start(evaluator, script.words)`. */
  readonly words: readonly string[];
}

/** Writes a module to a file that the evaluator runs. Disposing removes the file. */
export async function writeModule(source: string): Promise<ModuleScript> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-module-"));
  const file = join(folder, "module.js");
  writeFileSync(file, await bundleModule(source));
  return {
    words: ["run", file],
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The same for a file that exports `main`, by its path in the project. */
export const writeMain = (file: string): Promise<ModuleScript> =>
  writeModule(`export { main } from "./${file}";`);
