/** Installs the executables, and a configuration if asked: all of it is checked before anything is changed. */
import { closeSync, openSync } from "node:fs";
import { type Configuration, configurationWarnings, readConfiguration } from "./configuration.ts";
import { contentOf, contentOfText } from "./content.ts";
import { checkFolder, removeLeftovers, whileFolderLocked } from "./folder.ts";
import { type Action, type Change, replaceAll } from "./replace.ts";

/** What to install, and where. */
export interface Wish {
  readonly binFolder: string;
  readonly names: readonly string[];
  readonly configuration?: {
    readonly source: string;
    readonly folder: string;
    /** The name to write it under; that of the source unless given. */
    readonly name?: string | undefined;
  };
}

/** What was done, as `--json` prints it. */
export interface Report {
  readonly binDir: string;
  readonly executables: readonly Change[];
  readonly configuration?: { readonly file: string; readonly action: Action };
  readonly warnings: readonly string[];
}

/** The executable that runs: it has all plugins in it, and is there even if its name is gone. */
const ownExecutable = "/proc/self/exe";

const installExecutables = (folder: string, names: readonly string[]): Promise<Change[]> =>
  whileFolderLocked(folder, () => {
    removeLeftovers(folder);
    const descriptor = openSync(ownExecutable, "r");
    try {
      return replaceAll(folder, names, contentOf(descriptor, 0o755));
    } finally {
      closeSync(descriptor);
    }
  });

const installConfiguration = (folder: string, { name, text }: Configuration): Promise<Change[]> =>
  whileFolderLocked(folder, () => {
    removeLeftovers(folder);
    return replaceAll(folder, [name], contentOfText(text, 0o644));
  });

/** Does it. After an error nothing has changed, but for the executables if it is the configuration that failed. */
export async function install({ binFolder, names, configuration }: Wish): Promise<Report> {
  const binDir = checkFolder("--bin-dir", binFolder);
  if (configuration === undefined)
    return { binDir, executables: await installExecutables(binDir, names), warnings: [] };
  const confDir = checkFolder("--conf-dir", configuration.folder);
  const read = readConfiguration(configuration.source, configuration.name);
  const executables = await installExecutables(binDir, names);
  // A runtime that sees the configuration will call the executables.
  const [change] = await installConfiguration(confDir, read);
  const warnings = configurationWarnings(read, confDir, binDir);
  const written = { file: `${confDir}/${read.name}`, action: change?.action ?? "unchanged" };
  return { binDir, executables, configuration: written, warnings };
}
