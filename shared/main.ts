/** The one executable: the name it was called by picks the plugin, and only that plugin's code is evaluated. */
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { readLink } from "./system/file.ts";
import { exitNow } from "./system/libc.ts";
import { writeStandardError } from "./system/stdio.ts";

/** By executable name: a function that evaluates the plugin's module. */
export type Loaders = Readonly<Record<string, () => Plugin>>;

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

function environment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));
}

/** A caller may pass any argv[0]; the executable's own file name is the second thing to go by. */
function pluginName(loaders: Loaders): string | undefined {
  const names = [baseName(process.argv0), baseName(readLink("/proc/self/exe") ?? "")];
  return names.find((name) => Object.hasOwn(loaders, name));
}

/** Runs the plugin the executable was called as, and exits. */
export function main(loaders: Loaders, version: string): never {
  const name = pluginName(loaders);
  const load = name === undefined ? undefined : loaders[name];
  if (name === undefined || load === undefined) {
    const names = Object.keys(loaders).join(", ");
    writeStandardError(
      `podwire: called as ${JSON.stringify(baseName(process.argv0))}, which is none of its plugins; call it as one of: ${names}\n`,
    );
    exitNow(2);
  }
  const code = runPlugin({
    name,
    version,
    plugin: load(),
    builtin: (wanted) => (Object.hasOwn(loaders, wanted) ? loaders[wanted]?.() : undefined),
    environment: environment(),
    arguments: process.argv.slice(2),
  });
  exitNow(code);
}
