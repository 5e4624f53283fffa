/** Bundles TypeScript into one script for the engine, with a table that leads from its lines to the sources'. */
import { relative } from "node:path";
import { eachMapping, type SourceMapInput, TraceMap } from "@jridgewell/trace-mapping";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { findPluginFolders, root } from "./plugins.ts";

export { root } from "./plugins.ts";

/** Plugin name to module path. */
export function findPlugins(): Map<string, string> {
  return new Map(findPluginFolders().map(({ name, folder }) => [name, `./${relative(root, folder)}`]));
}

/** The source of the program with all plugins and the command. */
export function programSource(version: string): string {
  const plugins = [...findPlugins()];
  const imports = plugins.flatMap(([, folder], at) => [
    `import plugin${at} from "${folder}/index.ts";`,
    `import schema${at} from "${folder}/schema.ts";`,
    `import validate${at} from "${folder}/validate.ts";`,
  ]);
  const table = plugins.map(([name], at) => `"${name}": plugin${at}`).join(", ");
  const catalogue = plugins
    .map(
      ([name], at) =>
        `"${name}": { isIpam: plugin${at}.isIpam, schema: schema${at}, validate: validate${at} }`,
    )
    .join(", ");
  return `${imports.join("\n")}
import { commandOf } from "./cli/podwire.ts";
import { startOf } from "./shared/program.ts";
export { setSourceLines } from "./shared/source-lines.ts";
const command = commandOf("${version}", { __proto__: null, ${catalogue} });
export const start = startOf({ version: "${version}", plugins: { __proto__: null, ${table} }, command });
`;
}

/** The source of a program with one plugin, whose folder may be anywhere. */
export function pluginSource(name: string, folder: string, version: string): string {
  return `import plugin from ${JSON.stringify(`${folder}/index.ts`)};
import { startOf } from "./shared/program.ts";
export { setSourceLines } from "./shared/source-lines.ts";
export const start = startOf({ version: "${version}", plugins: { __proto__: null, "${name}": plugin } });
`;
}

/** What the script is called where it stands itself in a stack. */
export const SCRIPT = "podwire.js";

/** For each line of the script: the number of its file, and the line there, 0 for lines of no file. */
function sourceLines(map: SourceMapInput): { files: string[]; lines: number[] } {
  const trace = new TraceMap(map);
  const files = trace.sources.map((source) => source ?? "");
  const lines: number[] = [];
  eachMapping(trace, ({ generatedLine, source, originalLine }) => {
    if (source === null || originalLine === null || lines[generatedLine] !== undefined) return;
    lines[generatedLine] = files.indexOf(source) * 0x10000 + originalLine;
  });
  return { files, lines: Array.from(lines, (line) => line ?? 0) };
}

/** How esbuild bundles for the engine, which has ES2023, but no Promise: nothing in a call waits for something else. */
export const forEngine = {
  bundle: true,
  write: false,
  format: "iife",
  platform: "neutral",
  target: "es2022",
  absWorkingDir: root,
  // The name by which plugins elsewhere import this project's modules.
  alias: { podwire: root.replace(/\/$/, "") },
  mainFields: ["module", "main"],
  conditions: ["import", "module"],
} as const satisfies BuildOptions;

/** A module that is made in the build: it has no path, which would differ between folders of output. */
const generated = (name: string, contents: string): Plugin => ({
  name,
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: "generated" }));
    onLoad({ filter: /./, namespace: "generated" }, () => ({ contents, resolveDir: root }));
  },
});

export interface Bundle {
  readonly script: string;
  /** A text, such as a stack, with the places of the sources where it has those of the script. */
  readonly withSources: (text: string) => string;
  /** What went into it, for the curious: esbuild's own description. */
  readonly metafile: object;
}

/**
 * Bundles a module that exports `start` and `setSourceLines`. The script's value is `start`. `validators` is the source of what
 * `podwire validate` checks with, compiled from the schemas.
 */
export async function bundle(source: string, validators = ""): Promise<Bundle> {
  const result = await build({
    ...forEngine,
    stdin: { contents: source, resolveDir: root, sourcefile: "program.ts", loader: "ts" },
    outfile: SCRIPT,
    globalName: "program",
    sourcemap: "external",
    sourceRoot: "",
    metafile: true,
    // The path of a package is that in the project, wherever a link leads to.
    preserveSymlinks: true,
    plugins: [generated("podwire-validators", validators)],
    logLevel: "warning",
  });
  const textOf = (suffix: string) => result.outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
  const { files, lines } = sourceLines(JSON.parse(textOf(".map")) as SourceMapInput);
  const footer = `program.setSourceLines(${JSON.stringify(files)}, ${JSON.stringify(lines)});\nprogram.start;\n`;
  const withSources = (text: string) =>
    text.replace(new RegExp(`${SCRIPT}:(\\d+)(:\\d+)?`, "g"), (place, line: string) => {
      const known = lines[Number(line)] ?? 0;
      return known === 0 ? place : `${files[known >>> 16]}:${known & 0xffff}`;
    });
  return { script: `${textOf(".js")}${footer}`, withSources, metafile: result.metafile };
}
