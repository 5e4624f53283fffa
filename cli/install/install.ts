/** Installs the executables, and a configuration if asked: all of it is checked before anything is changed. */
import { closeSync, openSync } from "node:fs";
import type { Catalogue } from "../validate/catalogue.ts";
import {
  type Configuration,
  configurationWarnings,
  findConfiguration,
  readConfiguration,
} from "./configuration.ts";
import { contentOf, contentOfText, statusOf } from "./content.ts";
import { checkFolder, removeLeftovers, whileFolderLocked } from "./folder.ts";
import { type Action, type Change, replaceAll } from "./replace.ts";
import type { End } from "./stay.ts";

/** What to install, and where. */
export interface Wish {
  readonly binFolder: string;
  readonly names: readonly string[];
  readonly configuration?: {
    /** A file, or a folder with the files of several nodes. */
    readonly source: string;
    readonly folder: string;
    /** The name to write it under; that of the source unless given. */
    readonly name?: string | undefined;
    /** Which node this is. */
    readonly node?: string | undefined;
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

const installExecutables = (folder: string, names: readonly string[], end: End): Promise<Change[]> =>
  whileFolderLocked(folder, end, async () => {
    removeLeftovers(folder);
    const descriptor = openSync(ownExecutable, "r");
    try {
      return await replaceAll(folder, names, contentOf(descriptor, 0o755), end);
    } finally {
      closeSync(descriptor);
    }
  });

const installConfiguration = (folder: string, { name, text }: Configuration, end: End): Promise<Change[]> =>
  whileFolderLocked(folder, end, () => {
    removeLeftovers(folder);
    return replaceAll(folder, [name], contentOfText(text, 0o644), end);
  });

/** What is to be written, and into which folder; undefined if --conf is a folder without a file for this node. */
async function readWish(
  wish: Wish["configuration"],
  catalogue: Catalogue,
  end: End,
): Promise<{ folder: string; read: Configuration } | undefined> {
  if (wish === undefined) return undefined;
  const folder = checkFolder("--conf-dir", wish.folder);
  const source = findConfiguration(wish.source, wish.node);
  if (source === undefined) return undefined;
  return { folder, read: await readConfiguration(source, wish.name, catalogue, end) };
}

function noneForNode({ source, node, folder, name }: NonNullable<Wish["configuration"]>): string {
  const own = node === undefined ? "which is not known (--node, or NODE_NAME)" : `${node}.conflist`;
  const none = `no configuration is written: ${source} has neither all-nodes.conflist nor one of the node's name, ${own}`;
  const earlier = name === undefined ? undefined : `${folder}/${name}`;
  if (earlier === undefined || statusOf(earlier) === undefined) return none;
  return `${none}; ${earlier} is there from earlier and goes on being used: remove it if it should not be`;
}

/** Does it. After an error nothing has changed, but for the executables if it is the configuration that failed. */
export async function install(
  { binFolder, names, configuration }: Wish,
  catalogue: Catalogue,
  end: End,
): Promise<Report> {
  const binDir = checkFolder("--bin-dir", binFolder);
  const wanted = await readWish(configuration, catalogue, end);
  const executables = await installExecutables(binDir, names, end);
  if (configuration === undefined) return { binDir, executables, warnings: [] };
  if (wanted === undefined) return { binDir, executables, warnings: [noneForNode(configuration)] };
  // After the executables: a runtime that sees a configuration calls what it names.
  const { folder, read } = wanted;
  const [change] = await installConfiguration(folder, read, end);
  const warnings = configurationWarnings(read, folder, binDir);
  const written = { file: `${folder}/${read.name}`, action: change?.action ?? "unchanged" };
  return { binDir, executables, configuration: written, warnings };
}
