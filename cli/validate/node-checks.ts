/** Checks what a configuration needs on the node: its executables, and the files of its plugins. */
import { CniError } from "../../shared/cni/error.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { namePattern } from "../../shared/cni/names.ts";
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { dirName, join } from "../../shared/system/path.ts";
import { filesIn } from "../network/configuration.ts";
import { findPlugin } from "../network/invoke.ts";
import type { Catalogue } from "./catalogue.ts";
import { error, type Finding, type Path } from "./finding.ts";
import { similarWord } from "./similar.ts";

/** The advice for a type that is not there: a misspelt one of ours, or another project's. */
function adviceFor(type: string, details: string, catalogue: Catalogue): string {
  if (catalogue[type] !== undefined) return details;
  const meant = similarWord(type, Object.keys(catalogue));
  if (meant !== undefined) return `did you mean "${meant}"?`;
  return `it is another project's plugin: ${details}`;
}

function checkExecutable(type: unknown, path: Path, { folders, catalogue }: Surroundings): Finding[] {
  if (typeof type !== "string" || type === "") return [];
  try {
    findPlugin(type, folders);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    return [error(path, thrown.message, adviceFor(type, thrown.details, catalogue))];
  }
}

export interface Surroundings {
  /** The folders of executables. */
  readonly folders: readonly string[];
  readonly catalogue: Catalogue;
}

/** Checks that the executables of a plugin and its IPAM plugin exist. */
export function checkExecutables(raw: unknown, path: Path, surroundings: Surroundings): Finding[] {
  if (!isObject(raw)) return [];
  const ipam = isObject(raw["ipam"]) ? raw["ipam"]["type"] : undefined;
  return [
    ...checkExecutable(raw["type"], [...path, "type"], surroundings),
    ...checkExecutable(ipam, [...path, "ipam", "type"], surroundings),
  ];
}

const loadsFiles = (list: JsonObject) => !/^true$/i.test(String(list["loadOnlyInlinedPlugins"] ?? ""));

/** The plugin files of a conflist by libcni's rules: *.conf in the folder of the network's name. */
export function pluginFiles(file: string, list: JsonObject): string[] {
  const { name } = list;
  if (!loadsFiles(list) || typeof name !== "string" || !namePattern.test(name)) return [];
  return filesIn(join(dirName(absolutePath(file)), name), [".conf"]);
}

/** Reports a list without plugins. The schema reports "plugins" of another type or an empty one. */
export function checkHasPlugins(list: JsonObject): Finding[] {
  if ((list["plugins"] ?? undefined) !== undefined) return [];
  const inFiles = loadsFiles(list) ? ", or put them into NAME/*.conf beside the file" : "";
  return [error(["plugins"], "is missing", `list the plugins there${inFiles}`)];
}
