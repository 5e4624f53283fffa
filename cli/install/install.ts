/** Installs the executables and, on request, a configuration. All checks come before the first change. */
import { closeFile, OpenFlag, openFile } from "../../shared/system/file.ts";
import { linkStatus } from "../../shared/system/file-status.ts";
import { OWN_EXECUTABLE } from "../../shared/system/own-process.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import {
  type Configuration,
  configurationWarnings,
  findConfiguration,
  readConfiguration,
} from "./configuration.ts";
import { contentOf, contentOfText } from "./content.ts";
import { checkFolder, removeLeftovers, whileFolderLocked } from "./folder.ts";
import { type Action, type Change, replaceAll } from "./replace.ts";
import type { End } from "./stay.ts";

/** What to install, and where. */
export interface Wish {
  readonly binFolder: string;
  readonly names: readonly string[];
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
const installExecutables = (folder: string, names: readonly string[], end: End): Change[] =>
  whileFolderLocked(folder, end, () => {
    removeLeftovers(folder);
    const descriptor = openFile(OWN_EXECUTABLE, OpenFlag.readOnly);
    try {
      return replaceAll(folder, names, contentOf(descriptor, OWN_EXECUTABLE, 0o755), end);
    } finally {
      closeFile(descriptor);
    }
  });

const installConfiguration = (folder: string, { name, text }: Configuration, end: End): Change[] =>
  whileFolderLocked(folder, end, () => {
    removeLeftovers(folder);
    return replaceAll(folder, [name], contentOfText(text, 0o644), end);
  });

/** Reads the configuration and chooses its folder. Undefined if --conf is a folder without a file for this node. */
function readWish(
  wish: Wish["configuration"],
  catalogue: Catalogue,
  end: End,
): { folder: string; read: Configuration } | undefined {
  if (wish === undefined) return undefined;
  const folder = checkFolder("--conf-dir", wish.folder);
  const source = findConfiguration(wish.source, wish.node);
  if (source === undefined) return undefined;
  return { folder, read: readConfiguration(source, wish.name, catalogue, end) };
}

function noneForNode({ source, node, folder, name }: NonNullable<Wish["configuration"]>): string {
  const own = node === undefined ? "which is not known (--node, or NODE_NAME)" : `${node}.conflist`;
  const none = `no configuration is written: ${source} has neither all-nodes.conflist nor one of the node's name, ${own}`;
  const earlier = name === undefined ? undefined : `${folder}/${name}`;
  if (earlier === undefined || linkStatus(earlier) === undefined) return none;
  return `${none}; ${earlier} is there from earlier and goes on being used: remove it if it should not be`;
}

/** Installs. After an error nothing has changed; only if the configuration failed, the executables remain. */
export function install({ binFolder, names, configuration }: Wish, catalogue: Catalogue, end: End): Report {
  const binDir = checkFolder("--bin-dir", binFolder);
  const wanted = readWish(configuration, catalogue, end);
  const executables = installExecutables(binDir, names, end);
  if (configuration === undefined) return { binDir, executables, warnings: [] };
  if (wanted === undefined) return { binDir, executables, warnings: [noneForNode(configuration)] };
  // The configuration comes last: a runtime that sees it calls the executables.
  const { folder, read } = wanted;
  const [change] = installConfiguration(folder, read, end);
  const warnings = configurationWarnings(read, folder, binDir);
  const written = { file: `${folder}/${read.name}`, action: change?.action ?? "unchanged" };
  return { binDir, executables, configuration: written, warnings };
}
