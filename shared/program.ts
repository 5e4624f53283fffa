/** The program behind all names of the executable: its name selects a plugin or the command. */
import { readAliases } from "./aliases.ts";
import type { Plugin } from "./cni/plugin.ts";
import { runPlugin } from "./cni/runner.ts";
import { readLink } from "./system/file.ts";
import { baseName, dirName } from "./system/path.ts";
import { openStandardStreams } from "./system/stdio.ts";
import { type NamedExecutable, reportUnknownName } from "./unknown-name.ts";

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

/**
 * The path of this executable, by the name that it was started under; links to that name are followed. The kernel marks the name if an
 * installation has replaced the file since.
 */
const ownPath = () => (readLink("/proc/self/exe") ?? "").replace(/ \(deleted\)$/, "");

/** The plugin's name for a further name of the folder that this executable is in. */
const behindAlias = (name: string): string | undefined => readAliases(dirName(ownPath())).get(name);

/**
 * The name that counts: the one that it is called by, or else that of its file, since a caller may set any argv[0]; or else the plugin
 * that the file's name is an alias of.
 */
function chooseName(called: string, isKnown: (name: string) => boolean): string {
  const name = baseName(called);
  if (isKnown(name)) return name;
  const file = baseName(ownPath());
  return isKnown(file) ? file : (behindAlias(file) ?? file);
}

export const startOf =
  (program: Program): Start =>
  ([called = "", ...words], environment) => {
    openStandardStreams();
    const { command, plugins, version } = program;
    const name = chooseName(
      called,
      (known) => (known === COMMAND && command !== undefined) || known in plugins,
    );
    if (name === COMMAND && command !== undefined) return command(words, environment);
    const plugin = plugins[name];
    if (plugin === undefined) {
      const own: NamedExecutable = { called, path: ownPath(), plugins: Object.keys(plugins), version };
      return reportUnknownName(
        { ...own, ...(command === undefined ? {} : { command: COMMAND }) },
        environment,
      );
    }
    if (words[0] === "daemon" && plugin.daemon !== undefined)
      return plugin.daemon(words.slice(1), environment);
    const builtin = (wanted: string) => plugins[wanted] ?? plugins[behindAlias(wanted) ?? ""];
    return runPlugin({ name, version, plugin, builtin, environment, arguments: words });
  };
