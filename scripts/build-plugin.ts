/** Builds one plugin, whose folder may be anywhere, as a static executable of its own. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import type { PluginSchema } from "../shared/cni/schema.ts";
import { bundle, forEngine, pluginSource, SCRIPT } from "./bundle.ts";
import { makeExecutable } from "./engine/executables.ts";
import type { Toolchain } from "./engine/toolchain.ts";
import { withWorkFolder } from "./output.ts";
import { schemaFiles } from "./schemas/files.ts";

export interface PluginBuild {
  /** The plugin's folder; its last name is the plugin's. */
  readonly folder: string;
  /** Gets the executable NAME and its schema NAME.schema.json. */
  readonly output: string;
  /** For --version, where the folder has no package.json with one. */
  readonly version: string;
  readonly toolchain: (folder: string) => Promise<Toolchain>;
}

function versionOf(folder: string, fallback: string): string {
  const file = join(folder, "package.json");
  const { version = fallback } = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as { version?: string })
    : {};
  return version;
}

/** The JSON Schema of its configuration; undefined if the folder has no schema.ts. */
async function schemaOf(name: string, folder: string): Promise<string | undefined> {
  const file = join(folder, "schema.ts");
  if (!existsSync(file)) return undefined;
  // Bundled, so that it may import this project's modules by their name as the plugin does.
  const { outputFiles } = await build({ ...forEngine, format: "esm", entryPoints: [file] });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  const { default: schema } = (await import(`data:text/javascript;base64,${code}`)) as {
    default: PluginSchema;
  };
  return `${JSON.stringify(schemaFiles([{ name, folder, isIpam: false, schema }]).get(name), undefined, 2)}\n`;
}

/** Returns the path of the executable. Throws what the compilers say. */
export async function buildPlugin({ folder, output, version, toolchain }: PluginBuild): Promise<string> {
  const name = basename(folder);
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
    throw new Error(`${name} is no name for a plugin: rename the folder (letters, digits, "-", "_" and ".")`);
  if (!existsSync(join(folder, "index.ts"))) throw new Error(`${folder} has no index.ts`);
  const schema = await schemaOf(name, folder);
  return withWorkFolder(output, async (work) => {
    const { script, withSources } = await bundle(pluginSource(name, folder, versionOf(folder, version)));
    const [file, native] = [join(work, SCRIPT), join(work, "native")];
    writeFileSync(file, script);
    mkdirSync(native);
    const outputs = { executable: join(work, name), evaluator: join(work, "evaluate") };
    await makeExecutable(await toolchain(native), native, file, outputs).catch((error: Error) => {
      throw new Error(withSources(error.message));
    });
    if (schema !== undefined) writeFileSync(join(output, `${name}.schema.json`), schema);
    renameSync(outputs.executable, join(output, name));
    return join(output, name);
  });
}
