/**
 * Builds dist/bin: one executable with all plugins, hard-linked under the name of each.
 *
 * esbuild bundles the TypeScript, Bun turns the bundle into a single-file executable with bytecode. A folder in
 * plugins/ or ipam/ with an index.ts is a plugin: there is no list to keep.
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
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { execa } from "execa";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Plugin name to module path. */
function findPlugins(): Map<string, string> {
  const plugins = new Map<string, string>();
  for (const kind of ["plugins", "ipam"]) {
    for (const name of readdirSync(join(root, kind)).sort()) {
      const module = `./${kind}/${name}/index.ts`;
      if (existsSync(join(root, module))) plugins.set(name, module);
    }
  }
  return plugins;
}

/** The entry: require() and not import, so that a plugin's module is evaluated only when it is asked for. */
function entrySource(plugins: Map<string, string>): string {
  const loaders = [...plugins].map(([name, module]) => `"${name}": () => require("${module}").default,`);
  return `import { main } from "./shared/main.ts";\nmain({\n__proto__: null,\n${loaders.join("\n")}\n}, "${version}");\n`;
}

async function bundle(plugins: Map<string, string>): Promise<string> {
  const file = join(output, "podwire.cjs");
  const result = await build({
    stdin: { contents: entrySource(plugins), resolveDir: root, sourcefile: "entry.ts", loader: "ts" },
    outfile: file,
    bundle: true,
    minify: true,
    platform: "node",
    format: "cjs",
    target: "esnext",
    metafile: true,
    logLevel: "warning",
  });
  writeFileSync(join(output, "bundle.meta.json"), JSON.stringify(result.metafile));
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

async function compile(bundled: string): Promise<string> {
  const executable = join(output, "podwire");
  const flags = ["--compile", "--bytecode", "--minify", ...noTierUp, ...isolation];
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
const plugins = findPlugins();
linkNames(await compile(await bundle(plugins)), plugins.keys());
console.log(`dist/bin: ${[...plugins.keys()].join(", ")} (podwire ${version})`);
