/** Installs the executables and, on request, a configuration. All checks come before the first change. */

import { type Aliases, readAliases } from "../../shared/aliases.ts";
import { Rollback } from "../../shared/rollback.ts";
import { closeFile, OpenFlag, openFile } from "../../shared/system/file.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
import { OWN_EXECUTABLE } from "../../shared/system/own-process.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import { presentAliases, writeAliases } from "./aliases.ts";
import {
  type Configuration,
  configurationWarnings,
  findConfiguration,
  type Known,
  readConfiguration,
} from "./configuration.ts";
import { contentOf, contentOfText } from "./content.ts";
import { checkFolder, removeLeftovers, whileFolderLocked } from "./folder.ts";
import { type Action, type Change, replaceAll } from "./replace.ts";
import type { Termination } from "./termination.ts";

/** What to install, and where. */
export interface InstallRequest {
  readonly binFolder: string;
  readonly names: readonly string[];
  /** Further names, and the plugins that they stand for. */
  readonly aliases: Aliases;
  /** Whether all plugins are installed: then the aliases of the folder follow. */
  readonly isWhole: boolean;
  readonly configuration?: {
    /** A file, or a folder with a file for each node. */
    readonly source: string;
    readonly folder: string;
    /** The name of the installed file; the source's name by default. */
    readonly name?: string | undefined;
    /** This node's name. */
    readonly node?: string | undefined;
  };
}

/** The changes, as `--json` prints them. */
export interface Report {
  readonly binDir: string;
  readonly executables: readonly Change[];
  readonly configuration?: { readonly file: string; readonly action: Action };
  readonly warnings: readonly string[];
}

/** The running executable contains all plugins. */
const installExecutables = (
  folder: string,
  { names, aliases, isWhole }: Pick<InstallRequest, "names" | "aliases" | "isWhole">,
  termination: Termination,
): Change[] =>
  whileFolderLocked(folder, termination, () => {
    removeLeftovers(folder);
    const descriptor = openFile(OWN_EXECUTABLE, OpenFlag.readOnly);
    const undo = new Rollback();
    try {
      // The file first: an alias is not there before it works.
      writeAliases(folder, aliases, undo, termination);
      const further = isWhole ? presentAliases(folder) : [];
      const all = [...new Set([...names, ...further, ...aliases.keys()])];
      const changes = replaceAll(folder, all, contentOf(descriptor, OWN_EXECUTABLE, 0o755), termination);
      undo.commit();
      return changes;
    } finally {
      undo.run();
      closeFile(descriptor);
    }
  });

const installConfiguration = (
  folder: string,
  { name, text }: Configuration,
  termination: Termination,
): Change[] =>
  whileFolderLocked(folder, termination, () => {
    removeLeftovers(folder);
    return replaceAll(folder, [name], contentOfText(text, 0o644), termination);
  });

/** Reads the configuration and chooses its folder. Undefined if --conf is a folder without a file for this node. */
function readConfigurationSource(
  request: InstallRequest["configuration"],
  known: Known,
  termination: Termination,
): { folder: string; read: Configuration } | undefined {
  if (request === undefined) return undefined;
  const folder = checkFolder("--conf-dir", request.folder);
  const source = findConfiguration(request.source, request.node);
  if (source === undefined) return undefined;
  return { folder, read: readConfiguration(source, request.name, known, termination) };
}

function noneForNode({ source, node, folder, name }: NonNullable<InstallRequest["configuration"]>): string {
  const own = node === undefined ? "which is unknown (set --node or NODE_NAME)" : `${node}.conflist`;
  const none = `no configuration is written: ${source} has neither all-nodes.conflist nor one of the node's name, ${own}`;
  const earlier = name === undefined ? undefined : `${folder}/${name}`;
  if (earlier === undefined || linkStatus(earlier) === undefined) return none;
  return `${none}; ${earlier} exists from earlier and stays in use: remove it if it should not be`;
}

/** Installs. After an error nothing has changed; only if the configuration failed, the executables remain. */
export function install(
  { binFolder, configuration, ...wantedNames }: InstallRequest,
  catalogue: Catalogue,
  termination: Termination,
): Report {
  const binDir = checkFolder("--bin-dir", binFolder);
  const aliases = new Map([...readAliases(binDir), ...wantedNames.aliases]);
  const wanted = readConfigurationSource(configuration, { catalogue, aliases }, termination);
  const executables = installExecutables(binDir, wantedNames, termination);
  if (configuration === undefined) return { binDir, executables, warnings: [] };
  if (wanted === undefined) return { binDir, executables, warnings: [noneForNode(configuration)] };
  // The configuration comes last: a runtime that sees it calls the executables.
  const { folder, read } = wanted;
  const [change] = installConfiguration(folder, read, termination);
  const warnings = configurationWarnings(read, folder, binDir);
  const written = { file: `${folder}/${read.name}`, action: change?.action ?? "unchanged" };
  return { binDir, executables, configuration: written, warnings };
}
