/**
 * The alias of a plugin: a further name, such as KubeVirt's cnv-bridge. A hard link does not say which plugin it is. A file beside the
 * executables does, with lines NAME=PLUGIN. `podwire install --alias` writes it.
 */
import { isAboutPath } from "./system/errno.ts";
import { SystemError } from "./system/libc.ts";
import { readOwnFile } from "./system/own-file.ts";

/** Runtimes load no plugin of this name. */
export const ALIAS_FILE = ".podwire-aliases";

export type Aliases = ReadonlyMap<string, string>;

export const parseAliases = (text: string): Aliases =>
  new Map(text.split("\n").flatMap((line) => aliasOf(line)));

/** The two names of NAME=PLUGIN, in a list; an empty list for another text. */
export function aliasOf(text: string): (readonly [name: string, plugin: string])[] {
  const [, name, plugin] = /^([A-Za-z0-9][\w.-]*)=([A-Za-z0-9][\w.-]*)$/.exec(text) ?? [];
  return name === undefined || plugin === undefined ? [] : [[name, plugin]];
}

export const aliasText = (aliases: Aliases): string =>
  [...aliases]
    .map(([name, plugin]) => `${name}=${plugin}\n`)
    .sort()
    .join("");

/** The further names in a folder of executables; none without such a file, or if it cannot be read. */
export function readAliases(folder: string): Aliases {
  try {
    return parseAliases(readOwnFile(`${folder}/${ALIAS_FILE}`) ?? "");
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || !isAboutPath(thrown.errno)) throw thrown;
    return new Map();
  }
}
