/** One plugin as a program: what the executable runs once it knows its name. */
import { installBuiltins } from "./builtins.ts";
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { exitNow } from "./system/libc.ts";

/** By name: a function that evaluates the plugin's module. Without a prototype: "toString" is no plugin. */
export type Loaders = Readonly<Record<string, () => Plugin>>;

/** Runs the plugin of that name, and exits. The loaders are its own and those of the delegates it may run. */
export function main(name: string, load: () => Plugin, delegates: Loaders, version: string): never {
  installBuiltins();
  const code = runPlugin({
    name,
    version,
    plugin: load(),
    builtin: (wanted) => (wanted in delegates ? delegates[wanted]?.() : undefined),
    // Every value in it is a string; only the type knows of undefined ones.
    environment: process.env as Record<string, string>,
    arguments: process.argv.slice(2),
  });
  exitNow(code);
}
