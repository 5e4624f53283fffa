/** The one executable: the name it was called by picks the plugin, and only that plugin's code is evaluated. */
import { installBuiltins } from "./builtins.ts";
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { readLink } from "./system/file.ts";
import { exitNow } from "./system/libc.ts";
import { writeStandardError } from "./system/stdio.ts";

/** By executable name: a function that evaluates the plugin's module. Without a prototype: "toString" is no plugin. */
export type Loaders = Readonly<Record<string, () => Plugin>>;

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** A caller may pass any argv[0]; the executable's own file name is the second thing to go by. */
function pluginName(loaders: Loaders): string | undefined {
  const called = baseName(process.argv0);
  if (called in loaders) return called;
  const own = baseName(readLink("/proc/self/exe") ?? "");
  return own in loaders ? own : undefined;
}

/** Runs the plugin the executable was called as, and exits. */
export function main(loaders: Loaders, version: string): never {
  installBuiltins();
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
    builtin: (wanted) => (wanted in loaders ? loaders[wanted]?.() : undefined),
    // Every value in it is a string; only the type knows of undefined ones.
    environment: process.env as Record<string, string>,
    arguments: process.argv.slice(2),
  });
  exitNow(code);
}
