/** The program behind all names of the executable: its name selects a plugin or the command. */
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { readLink } from "./system/file.ts";
import { baseName } from "./system/path.ts";
import { openStandardStreams, writeStandardError } from "./system/stdio.ts";

export interface Program {
  readonly version: string;
  /** By name. Without a prototype, so that "toString" is not found. */
  readonly plugins: Readonly<Record<string, Plugin>>;
  /** What `podwire` does with its arguments, if the program has that command. Returns the exit code. */
  readonly command?: (words: readonly string[], environment: Readonly<Record<string, string>>) => number;
}

/** The command's name. */
const COMMAND = "podwire";

/** The executable's entry point. It gets argv, program name first, and the environment. Returns the exit code. */
export type Start = (argv: readonly string[], environment: Readonly<Record<string, string>>) => number;

export const startOf =
  (program: Program): Start =>
  ([called = "", ...words], environment) => {
    openStandardStreams();
    const { command } = program;
    const isKnown = (name: string) => (name === COMMAND && command !== undefined) || name in program.plugins;
    let name = baseName(called);
    // A caller may set any argv[0]; then the executable's own file name counts.
    if (!isKnown(name)) name = baseName(readLink("/proc/self/exe") ?? "");
    if (name === COMMAND && command !== undefined) return command(words, environment);
    const plugin = program.plugins[name];
    if (plugin === undefined) return reportUnknownName(called, program);
    const builtin = (wanted: string) => program.plugins[wanted];
    return runPlugin({ name, version: program.version, plugin, builtin, environment, arguments: words });
  };

function reportUnknownName(called: string, { plugins, command }: Program): number {
  const names = [...Object.keys(plugins), ...(command === undefined ? [] : [COMMAND])].join(", ");
  writeStandardError(
    `podwire: called as ${JSON.stringify(baseName(called))}, which is not one of its plugins; call it by one of these names: ${names}\n`,
  );
  return 2;
}
