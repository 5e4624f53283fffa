/**
 * Builds dist/bin: one executable with all plugins and the command, hard-linked under the name of each.
 *
 * esbuild bundles the TypeScript, and the engine evaluates it now: the executable holds the heap (native/image.h). A folder in
 * plugins/ or ipam/ with an index.ts is a plugin: there is no list to keep.
 *
 *   node --import tsx scripts/build.ts [--output FOLDER] [--sanitized | --symbols]
 */
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ExecaError } from "execa";
import { bundle, findPlugins, programSource, root, SCRIPT } from "./bundle.ts";
import { makeExecutable } from "./engine/executables.ts";
import { nativeToolchain, sanitizedToolchain } from "./engine/toolchain.ts";
import { findSchemas } from "./schemas/find.ts";
import { writeSchemas } from "./schemas/write.ts";

const { values: options } = parseArgs({
  options: {
    output: { type: "string", default: join(root, "dist") },
    sanitized: { type: "boolean", default: false },
    symbols: { type: "boolean", default: false },
  },
});
const output = resolve(options.output);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Each name appears whole or not at all, also while an older one is running. */
function linkNames(executable: string, names: readonly string[]): void {
  const folder = join(output, "bin");
  mkdirSync(folder, { recursive: true });
  for (const present of readdirSync(folder)) if (!names.includes(present)) rmSync(join(folder, present));
  for (const name of names) {
    const temporary = join(folder, `.${name}.new`);
    rmSync(temporary, { force: true });
    linkSync(executable, temporary);
    renameSync(temporary, join(folder, name));
  }
  rmSync(executable);
}

mkdirSync(output, { recursive: true });
const validators = join(output, "validators.cjs");
writeFileSync(validators, writeSchemas(await findSchemas(), join(output, "schemas")));
const { script, metafile, withSources } = await bundle(programSource(version), validators);
const file = join(output, SCRIPT);
writeFileSync(file, script);
writeFileSync(join(output, "podwire.meta.json"), JSON.stringify(metafile));
const executable = join(output, "podwire");
const native = { ...(await nativeToolchain()), keepsSymbols: options.symbols };
const toolchain = options.sanitized ? sanitizedToolchain : native;
const { image } = await makeExecutable(toolchain, file, executable, join(output, "evaluate")).catch(
  (error: ExecaError) => {
    // What the engine says of a module that cannot be evaluated.
    process.stderr.write(withSources(`${error.stderr ?? error.stack}\n`));
    process.exit(1);
  },
);
const { size } = statSync(executable);
const names = [...findPlugins().keys(), "podwire"];
linkNames(executable, names);
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
console.log(`${relative(process.cwd(), join(output, "bin"))}: ${names.join(", ")} (podwire ${version})`);
console.log(`${megabytes(size)}, of which image ${megabytes(image)}`);
