/**
 * Makes a plugin out of plugins/_template: one that builds, passes its tests and attaches containers (docs/write-a-plugin.md).
 *
 *   npm run new-plugin NAME                        in plugins/NAME, a part of podwire's executable
 *   npm run new-plugin NAME -- --folder FOLDER     in FOLDER/NAME, an executable of its own
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { findPluginFolders, root } from "./plugins.ts";

const template = join(root, "plugins/_template");
const biome = join(root, "node_modules/.bin/biome");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  devDependencies: Record<string, string>;
};

/** A word of a name in an identifier: "my-net" -> "MyNet". */
const pascal = (name: string) => name.replace(/(?:^|-)(.)/g, (_all, first: string) => first.toUpperCase());

/** The text of a file of the template for the plugin of that name. "template" stands for the name, "Template" for the identifier. */
const named = (text: string, name: string) =>
  text.replaceAll("template", name).replaceAll("Template", pascal(name));

/** The same for a folder elsewhere: modules of this project have its name there, and the executable is in dist. */
function elsewhere(text: string): string {
  return text
    .replaceAll(/"(?:\.\.\/)+(shared|test)\//g, '"podwire/$1/')
    .replace(/builtPlugin\("([^"]*)"\)/, 'join(import.meta.dirname, "../dist/$1")')
    .replace("{ builtPlugin, canRun", "{ canRun")
    .replace(/^import (.*) from "vitest";/m, 'import { join } from "node:path";\n$&');
}

/** What a project of its own needs besides. */
function projectFiles(name: string): Map<string, unknown> {
  const { typescript = "", vitest = "" } = manifest.devDependencies;
  const sdk = "node_modules/podwire";
  return new Map<string, unknown>([
    [
      "package.json",
      {
        name,
        version: "0.1.0",
        private: true,
        type: "module",
        scripts: {
          build: `npm --prefix ${sdk} run build -- --plugin "$PWD"`,
          typecheck: "tsc --noEmit",
          test: "vitest run --testTimeout 60000",
        },
        devDependencies: { podwire: `file:${root.replace(/\/$/, "")}`, typescript, vitest },
      },
    ],
    [
      "tsconfig.json",
      {
        extends: "podwire/tsconfig.json",
        compilerOptions: { typeRoots: [`./${sdk}/node_modules/@types`] },
        files: [`${sdk}/native/native.d.ts`],
        include: ["./*.ts", "./test/*.ts"],
      },
    ],
  ]);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function filesOf(folder: string): string[] {
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return all.filter((file) => statSync(join(folder, file)).isFile());
}

function validateName(name: string | undefined): string {
  if (name === undefined) throw new Error("give the plugin a name: npm run new-plugin NAME");
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new Error(`${name} is no name for a plugin: lower-case letters, digits and single hyphens are`);
  if (name === "podwire" || findPluginFolders().some((plugin) => plugin.name === name))
    throw new Error(`podwire has ${name} already: choose another name`);
  return name;
}

function create(name: string, parent: string | undefined): string {
  const target = join(parent === undefined ? join(root, "plugins") : resolve(parent), name);
  if (existsSync(target)) throw new Error(`${target} is there already: nothing was written`);
  for (const file of filesOf(template)) {
    const text = named(readFileSync(join(template, file), "utf8"), name);
    write(join(target, named(file, name)), parent === undefined ? text : elsewhere(text));
  }
  if (parent !== undefined)
    for (const [file, content] of projectFiles(name))
      write(join(target, file), `${JSON.stringify(content, undefined, 2)}\n`);
  return target;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { folder: { type: "string" } },
  });
  const name = validateName(positionals[0]);
  const target = create(name, values.folder);
  // The order of imported names and the length of lines depend on the name.
  if (values.folder === undefined) await execa(biome, ["check", "--write", target], { cwd: root });
  const next =
    values.folder === undefined
      ? `npm run build && npx vitest run plugins/${name}`
      : `cd ${relative(process.cwd(), target)} && npm install && npm run build && npm test`;
  console.log(`${relative(process.cwd(), target)} is a plugin. Next: ${next}`);
} catch (error) {
  console.error(`new-plugin: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
