/** The program that all names of the executable start: the name it was called by picks a plugin, or the command. */
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { readLink } from "./system/file.ts";
import { baseName } from "./system/path.ts";
import { holdStandardStreams, writeStandardError } from "./system/stdio.ts";

export interface Program {
  readonly version: string;
  /** By name. Without a prototype: "toString" is no plugin. */
  readonly plugins: Readonly<Record<string, Plugin>>;
  /** What `podwire` does with its arguments, if the program has that command. Returns the exit code. */
  readonly command?: (words: readonly string[], environment: Readonly<Record<string, string>>) => number;
}

/** The command's name. */
const COMMAND = "podwire";

/** What the executable calls at its start: with argv, program name first, and the environment. Returns the exit code. */
export type Start = (argv: readonly string[], environment: Readonly<Record<string, string>>) => number;

export const startOf =
  (program: Program): Start =>
  ([called = "", ...words], environment) => {
    holdStandardStreams();
    const { command } = program;
    const isKnown = (name: string) => (name === COMMAND && command !== undefined) || name in program.plugins;
    let name = baseName(called);
    // A caller may pass any argv[0]; the executable's own file name is the second thing to go by.
    if (!isKnown(name)) name = baseName(readLink("/proc/self/exe") ?? "");
    if (name === COMMAND && command !== undefined) return command(words, environment);
    const plugin = program.plugins[name];
    if (plugin === undefined) return refuseName(called, program);
    const builtin = (wanted: string) => program.plugins[wanted];
    return runPlugin({ name, version: program.version, plugin, builtin, environment, arguments: words });
  };

function refuseName(called: string, { plugins, command }: Program): number {
  const names = [...Object.keys(plugins), ...(command === undefined ? [] : [COMMAND])].join(", ");
  writeStandardError(
    `podwire: called as ${JSON.stringify(baseName(called))}, which is none of its plugins; call it as one of: ${names}\n`,
  );
  return 2;
}
