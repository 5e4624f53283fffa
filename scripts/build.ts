/**
 * Builds dist/bin: one executable with all plugins and the command, hard-linked under each name.
 *
 * esbuild bundles the TypeScript, and the engine evaluates it at build time: the executable contains the heap
 * (native/image.h). A folder in plugins/ or ipam/ with an index.ts is a plugin; no list is kept.
 *
 *   node --import tsx scripts/build.ts [--output FOLDER] [--processor x64|arm64 | --sanitized] [--symbols] [--costs]
 *   node --import tsx scripts/build.ts --plugin FOLDER [...]      this plugin only, as FOLDER/dist/NAME (docs/write-a-plugin.md)
 */
import { linkSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { execaNode } from "execa";
import { buildPlugin } from "./build-plugin.ts";
import { bundle, findPlugins, programSource, root, SCRIPT } from "./bundle.ts";
import { crossToolchain } from "./engine/cross.ts";
import { makeExecutable } from "./engine/executables.ts";
import { quickjs } from "./engine/linked.ts";
import { nativeToolchain, ownProcessor, sanitizedToolchain, type Toolchain } from "./engine/toolchain.ts";
import { placeFiles, withWorkFolder } from "./output.ts";
import { findSchemas } from "./schemas/find.ts";
import { writeSchemas } from "./schemas/write.ts";

const { values: options } = parseArgs({
  options: {
    output: { type: "string" },
    plugin: { type: "string" },
    processor: { type: "string" },
    sanitized: { type: "boolean", default: false },
    symbols: { type: "boolean", default: false },
    // Prints what the calls cost (scripts/costs.ts).
    costs: { type: "boolean", default: false },
  },
});
const output = resolve(options.output ?? join(options.plugin ?? root, "dist"));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

async function chooseToolchain(folder: string): Promise<Toolchain> {
  if (options.sanitized) return sanitizedToolchain;
  const { processor = ownProcessor() } = options;
  if (processor === ownProcessor()) return nativeToolchain();
  if (processor === "x64" || processor === "arm64") return crossToolchain(processor, folder);
  throw new Error(`--processor ${processor}: podwire knows x64 and arm64`);
}

const wantedToolchain = async (folder: string): Promise<Toolchain> => ({
  ...(await chooseToolchain(folder)),
  keepsSymbols: options.symbols,
});

/** Makes the content of dist in a temporary folder. Returns the image's size in bytes. */
async function make(work: string, names: readonly string[]): Promise<number> {
  const [native, bin] = [join(work, "native"), join(work, "bin")];
  for (const folder of [native, bin]) mkdirSync(folder);
  const validators = writeSchemas(await findSchemas(), join(work, "schemas"));
  const { script, metafile, withSources } = await bundle(programSource(version), validators);
  const file = join(work, SCRIPT);
  writeFileSync(file, script);
  writeFileSync(join(work, "podwire.meta.json"), JSON.stringify(metafile));
  const toolchain = await wantedToolchain(native);
  writeFileSync(join(work, "podwire.linked.json"), JSON.stringify([quickjs, ...toolchain.linked]));
  const outputs = { executable: join(work, "podwire"), evaluator: join(work, "evaluate") };
  const { image } = await makeExecutable(toolchain, native, file, outputs).catch((error: Error) => {
    throw new Error(withSources(error.message));
  });
  for (const name of names) linkSync(outputs.executable, join(bin, name));
  return image;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

async function build(): Promise<void> {
  const names = [...findPlugins().keys(), "podwire"];
  const image = await withWorkFolder(output, async (work) => {
    const bytes = await make(work, names);
    for (const name of [SCRIPT, "podwire.meta.json", "podwire.linked.json", "evaluate"])
      renameSync(join(work, name), join(output, name));
    for (const folder of ["schemas", "bin"]) placeFiles(join(work, folder), join(output, folder));
    return bytes;
  });
  const { size } = statSync(join(output, "bin/podwire"));
  console.log(`${relative(process.cwd(), join(output, "bin"))}: ${names.join(", ")} (podwire ${version})`);
  console.log(`${megabytes(size)}, of which image ${megabytes(image)}`);
}

async function buildOnePlugin(folder: string): Promise<void> {
  const file = await buildPlugin({ folder: resolve(folder), output, version, toolchain: wantedToolchain });
  console.log(`${relative(process.cwd(), file)}: ${megabytes(statSync(file).size)}`);
}

try {
  if (options.plugin !== undefined) await buildOnePlugin(options.plugin);
  else await build();
  if (options.costs && options.plugin === undefined)
    await execaNode(join(import.meta.dirname, "costs.ts"), {
      nodeOptions: ["--import", "tsx"],
      // A channel between the two would keep the other process from ending.
      ipc: false,
      stdio: "inherit",
    });
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
