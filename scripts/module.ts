/** Modules of the project as scripts of their own, which the engine runs without an image: of tests, and of what measures. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { distFolder } from "../test/helpers/paths.ts";
import { forEngine, root } from "./bundle.ts";

/** Runs scripts with the engine and the natives of the executables, by evaluating them at its start. */
export const evaluator = join(distFolder, "evaluate");

/**
 * Bundles a TypeScript module for the engine. Paths in it are relative to the project's folder. What it exports as `main` is
 * called with the words after the script's path, and returns the exit code; it need not export it.
 */
export async function bundleModule(source: string): Promise<string> {
  const result = await build({
    ...forEngine,
    stdin: { contents: source, resolveDir: root, loader: "ts" },
    globalName: "exported",
    inject: [join(root, "scripts/engine/console.js")],
    logLevel: "error",
  });
  // The evaluator calls the script's value, as an executable does, and takes what it returns for its exit code.
  return `(([, ...words]) => {${result.outputFiles[0]?.text ?? ""}\nreturn exported?.main?.(words) ?? 0; });`;
}

export interface ModuleScript extends AsyncDisposable {
  /** The words after `evaluator` that run it: `node.start(evaluator, script.words)`. */
  readonly words: readonly string[];
}

/** A module as a file that the evaluator runs, for as long as it is not disposed of. */
export async function writeModule(source: string): Promise<ModuleScript> {
  const folder = mkdtempSync(join(tmpdir(), "podwire-module-"));
  const file = join(folder, "module.js");
  writeFileSync(file, await bundleModule(source));
  return {
    words: ["run", file],
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The same for a file, by its path in the project, that exports `main`. */
export const writeMain = (file: string): Promise<ModuleScript> =>
  writeModule(`export { main } from "./${file}";`);
