/**
 * Builds dist/bin: one executable with all plugins and the command-line tool, hard-linked under the name of each.
 *
 * esbuild bundles the TypeScript, Bun turns the bundle into a single-file executable with bytecode. A folder in
 * plugins/ or ipam/ with an index.ts is a plugin: there is no list to keep.
 *
 *   node --import tsx scripts/build.ts [--output FOLDER] [--target linux-x64-musl --runtime BUN]
 *
 * With --target it builds for another machine, or C library, whose run time is the executable BUN.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { execa } from "execa";
import { type Described, findSchemas } from "./schemas/find.ts";
import { writeSchemas } from "./schemas/write.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    output: { type: "string", default: join(root, "dist") },
    target: { type: "string" },
    runtime: { type: "string" },
  },
});
const output = resolve(options.output);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

const validators = join(output, "validators.cjs");

/** Plugin name to module path. */
function findModules(kind: "plugins" | "ipam"): Map<string, string> {
  const modules = new Map<string, string>();
  for (const name of readdirSync(join(root, kind)).sort()) {
    const module = `./${kind}/${name}/index.ts`;
    if (existsSync(join(root, module))) modules.set(name, module);
  }
  return modules;
}

/** require() and not import, so that a module is evaluated only when it is asked for. */
const loader = (module: string) => `() => require("${module}").default`;

/** The plugins beside those of IPAM that a plugin runs: plugin.json in its folder names them. */
function namedDelegates(module: string, plugins: Map<string, string>): [string, string][] {
  const file = join(root, module, "../plugin.json");
  if (!existsSync(file)) return [];
  const { delegates } = JSON.parse(readFileSync(file, "utf8")) as { delegates: string[] };
  return delegates.map((name) => {
    const path = plugins.get(name);
    if (path === undefined) throw new Error(`${file} names ${name}, which is no plugin`);
    return [name, path];
  });
}

/** The program of one plugin, with the plugins it may run as delegates. */
function programSource(name: string, module: string, delegates: Map<string, string>): string {
  const loaders = [...delegates].map(([delegate, path]) => `"${delegate}": ${loader(path)},`);
  return `import { main } from "./shared/main.ts";
main("${name}", ${loader(module)}, { __proto__: null, ${loaders.join(" ")} }, "${version}");`;
}

/** The command-line tool, with what it knows of each plugin. */
function commandSource(described: readonly Described[]): string {
  const entries = described.map(({ name, folder, isIpam }) => {
    const module = (file: string) => `require(${JSON.stringify(join(folder, file))}).default`;
    return `"${name}": { isIpam: ${isIpam}, get schema() { return ${module("schema.ts")}; }, get validate() { return ${module("validate.ts")}; } }`;
  });
  return `import { podwire } from "./cli/podwire.ts";
podwire("${version}", { __proto__: null, ${entries.join(", ")} });`;
}

/** Bundles a program into one function expression, and keeps what went into it. */
async function bundle(name: string, contents: string): Promise<string> {
  const result = await build({
    stdin: { contents, resolveDir: root, sourcefile: `${name}.ts`, loader: "ts" },
    bundle: true,
    minify: true,
    platform: "node",
    format: "iife",
    target: "esnext",
    define: { PODWIRE_LIBC: options.target?.endsWith("-musl") ? '"musl"' : '"glibc"' },
    metafile: true,
    write: false,
    // ES modules before CommonJS: esbuild leaves out what is not used of them.
    mainFields: ["module", "main"],
    // What `podwire validate` checks with: compiled from the schemas, see below.
    alias: { "podwire-validators": validators },
    logLevel: "warning",
  });
  writeFileSync(join(output, `${name}.meta.json`), JSON.stringify(result.metafile));
  return result.outputFiles[0]?.text ?? "";
}

/**
 * All programs in one file, each in a function that is not called before its name is known. The launcher stands
 * around them; it sees them by these two names.
 */
async function bundleAll(
  plugins: Map<string, string>,
  ipam: Map<string, string>,
  described: readonly Described[],
): Promise<string> {
  const all = new Map([...plugins, ...ipam]);
  const programs: string[] = [];
  for (const [name, module] of all) {
    // An IPAM plugin has no delegates.
    const delegates = ipam.has(name) ? new Map() : new Map([...ipam, ...namedDelegates(module, plugins)]);
    const source = programSource(name, module, delegates);
    programs.push(`"${name}"() {\n${await bundle(name, source)}\n}`);
  }
  programs.push(`"podwire"() {\n${await bundle("podwire", commandSource(described))}\n}`);
  const names = JSON.stringify([...all.keys(), "podwire"]);
  const unnamed = await bundle("unnamed", `require("./shared/unnamed.ts").refuseName(${names});`);
  const launcher = await bundle(
    "launcher",
    'import { launch } from "./shared/launch.ts";\nlaunch(programs, unnamed);',
  );
  const file = join(output, "podwire.cjs");
  const parts = [`const programs = { __proto__: null, ${programs.join(",\n")} };`];
  parts.push(`const unnamed = () => {\n${unnamed}\n};`, launcher);
  writeFileSync(file, parts.join("\n"));
  return file;
}

function bunPath(): string {
  const platform = process.arch === "arm64" ? "bun-linux-aarch64" : "bun-linux-x64";
  return join(root, "node_modules", "@oven", platform, "bin", "bun");
}

/** A stray .env, bunfig.toml, tsconfig.json or package.json where a runtime calls us must change nothing. */
const isolation = ["dotenv", "bunfig", "tsconfig", "package-json"].map(
  (file) => `--no-compile-autoload-${file}`,
);

/** A call ends before compiled code pays: without this the JIT starts threads, at 2 ms a call. */
const noTierUp = ["--compile-jit-policy=1000"];

/** For another machine: its run time goes into the executable in the place of the one that builds. */
const foreign =
  options.target === undefined || options.runtime === undefined
    ? []
    : [`--target=bun-${options.target}`, `--compile-executable-path=${resolve(options.runtime)}`];

async function compile(bundled: string): Promise<string> {
  const executable = join(output, "podwire");
  const flags = ["--compile", "--bytecode", "--minify", ...noTierUp, ...isolation, ...foreign];
  await execa(bunPath(), ["build", ...flags, bundled, "--outfile", executable], { cwd: output });
  return executable;
}

/** Each name appears whole or not at all, also while an older one is running. */
function linkNames(executable: string, names: Iterable<string>): void {
  const folder = join(output, "bin");
  mkdirSync(folder, { recursive: true });
  const wanted = new Set(names);
  for (const present of readdirSync(folder)) if (!wanted.has(present)) rmSync(join(folder, present));
  for (const name of wanted) {
    const temporary = join(folder, `.${name}.new`);
    rmSync(temporary, { force: true });
    linkSync(executable, temporary);
    renameSync(temporary, join(folder, name));
  }
  rmSync(executable);
}

mkdirSync(output, { recursive: true });
const described = await findSchemas();
writeFileSync(validators, writeSchemas(described, join(output, "schemas")));
const plugins = findModules("plugins");
const ipam = findModules("ipam");
const names = [...plugins.keys(), ...ipam.keys(), "podwire"];
linkNames(await compile(await bundleAll(plugins, ipam, described)), names);
console.log(`${relative(process.cwd(), join(output, "bin"))}: ${names.join(", ")} (podwire ${version})`);
