/** Bundles TypeScript into one script for the engine, with a table from its lines to the sources' lines. */
import { relative } from "node:path";
import { eachMapping, type SourceMapInput, TraceMap } from "@jridgewell/trace-mapping";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { findPluginFolders, root } from "./plugins.ts";

export { root } from "./plugins.ts";

/** Maps plugin names to module paths: folders in plugins/ or ipam/ with an index.ts. */
export function findPlugins(): Map<string, string> {
  return new Map(findPluginFolders().map(({ name, folder }) => [name, `./${relative(root, folder)}`]));
}

/** The source of the program: all plugins and the command. */
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

/** The script's own file name in stacks. */
export const SCRIPT = "podwire.js";

interface Place {
  readonly file: string;
  readonly line: number;
}

interface SourceLines {
  readonly files: readonly string[];
  /** By line of the script. */
  readonly places: readonly (Place | undefined)[];
}

function sourceLines(map: SourceMapInput): SourceLines {
  const trace = new TraceMap(map);
  const places: (Place | undefined)[] = [];
  eachMapping(trace, ({ generatedLine, source, originalLine }) => {
    if (source === null || originalLine === null || places[generatedLine] !== undefined) return;
    places[generatedLine] = { file: source, line: originalLine };
  });
  return { files: trace.sources.map((source) => source ?? ""), places };
}

/** The text that setSourceLines (shared/source-lines.ts) takes. */
const encoded = ({ files, places }: SourceLines): string =>
  Array.from(places, (place) =>
    String.fromCharCode(...(place === undefined ? [0, 0] : [files.indexOf(place.file) + 1, place.line])),
  ).join("");

/** esbuild's options for the engine, which has ES2023 but no Promise: calls are synchronous. */
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

/** A generated module. It has no path, since a path would differ between output folders. */
const generated = (name: string, contents: string): Plugin => ({
  name,
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: "generated" }));
    onLoad({ filter: /./, namespace: "generated" }, () => ({ contents, resolveDir: root }));
  },
});

export interface Bundle {
  readonly script: string;
  /** Replaces the script's positions in a text, such as a stack, by the sources' positions. */
  readonly withSources: (text: string) => string;
  /** esbuild's description of the bundle's content. */
  readonly metafile: object;
}

/**
 * Bundles a module that exports `start` and `setSourceLines`. The script's value is `start`. `validators` is the
 * source of the validators of `podwire validate`, compiled from the schemas.
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
    // A package's path is its path in the project, also behind a link.
    preserveSymlinks: true,
    plugins: [generated("podwire-validators", validators)],
    logLevel: "warning",
  });
  const textOf = (suffix: string) => result.outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
  const lines = sourceLines(JSON.parse(textOf(".map")) as SourceMapInput);
  const table = [lines.files, encoded(lines)].map((each) => JSON.stringify(each)).join(", ");
  const footer = `program.setSourceLines(${table});\nprogram.start;\n`;
  const withSources = (text: string) =>
    text.replace(new RegExp(`${SCRIPT}:(\\d+)(:\\d+)?`, "g"), (whole, line: string) => {
      const place = lines.places[Number(line)];
      return place === undefined ? whole : `${place.file}:${place.line}`;
    });
  return { script: `${textOf(".js")}${footer}`, withSources, metafile: result.metafile };
}
