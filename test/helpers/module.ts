import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Node } from "./node.ts";
import { distFolder, projectRoot } from "./paths.ts";

/** Runs scripts with the engine and the natives of the executables, by evaluating them at its start. */
export const evaluator = join(distFolder, "evaluate");

/** Bundles a TypeScript module for the engine. Paths in it are relative to the project's folder. */
export async function bundleModule(source: string): Promise<string> {
  const result = await build({
    stdin: { contents: source, resolveDir: projectRoot, loader: "ts" },
    bundle: true,
    write: false,
    format: "iife",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    inject: [join(projectRoot, "test/helpers/console.js")],
    logLevel: "error",
  });
  // The evaluator calls the script's value, as an executable does, and takes what it returns for its exit code.
  return `(() => {${result.outputFiles[0]?.text ?? ""}\nreturn 0; });`;
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

/**
 * Runs a TypeScript module on the node as the executables run theirs, so that it may import modules of the project that
 * make system calls (`./shared/netlink/link.ts`). The module says what it found with one
 * `console.log(JSON.stringify(value))`, and that value is returned.
 */
export async function runModule<T>(
  node: Node,
  source: string,
  options: { readonly netns?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<T> {
  await using script = await writeModule(source);
  const { stdout } = await node.exec(evaluator, script.words, { cwd: projectRoot, ...options });
  return JSON.parse(stdout) as T;
}
