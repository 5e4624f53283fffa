/** Checks a configuration's surroundings on the node: its executables, and the other networks of its folder. */
import { CniError } from "../../shared/cni/error.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { namePattern } from "../../shared/cni/names.ts";
import { absolutePath } from "../../shared/system/absolute-path.ts";
import { baseName, dirName, extName, join } from "../../shared/system/path.ts";
import { extensions, filesIn } from "../network/configuration.ts";
import { findPlugin } from "../network/invoke.ts";
import { readRegularFile } from "../node/regular-file.ts";
import { error, type Finding, type Path } from "./finding.ts";

function checkExecutable(type: unknown, path: Path, folders: readonly string[]): Finding[] {
  if (typeof type !== "string" || type === "") return [];
  try {
    findPlugin(type, folders);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof CniError)) throw thrown;
    return [error(path, thrown.message, thrown.details)];
  }
}

/** Checks that the executables of a plugin and its IPAM plugin exist. */
export function checkExecutables(raw: unknown, path: Path, folders: readonly string[]): Finding[] {
  if (!isObject(raw)) return [];
  const ipam = isObject(raw["ipam"]) ? raw["ipam"]["type"] : undefined;
  return [
    ...checkExecutable(raw["type"], [...path, "type"], folders),
    ...checkExecutable(ipam, [...path, "ipam", "type"], folders),
  ];
}

/** The plugin files of a conflist by libcni's rules: *.conf in the folder of the network's name. */
export function pluginFiles(file: string, list: JsonObject): string[] {
  const { name } = list;
  const onlyInlined = /^true$/i.test(String(list["loadOnlyInlinedPlugins"] ?? ""));
  if (onlyInlined || typeof name !== "string" || !namePattern.test(name)) return [];
  return filesIn(join(dirName(absolutePath(file)), name), [".conf"]);
}

/** Reports a list without plugins. The schema reports "plugins" of another type or an empty one. */
export function checkHasPlugins(file: string, list: JsonObject): Finding[] {
  if ((list["plugins"] ?? undefined) !== undefined || pluginFiles(file, list).length > 0) return [];
  return [
    error(["plugins"], "is missing", "list the plugins there, or put them into NAME/*.conf beside the file"),
  ];
}

function nameIn(file: string): unknown {
  try {
    const value: unknown = JSON.parse(readRegularFile(file).text);
    return isObject(value) ? value["name"] : undefined;
  } catch {
    return undefined;
  }
}

/** Runtimes take the first of two networks of one name: conflists first, then by the names of the files. */
export function checkOnlyOne(file: string, name: unknown): Finding[] {
  if (typeof name !== "string" || !extensions.includes(extName(file))) return [];
  const path = absolutePath(file);
  const others = filesIn(dirName(path), extensions).filter((other) => other !== path);
  const same = others.filter((other) => nameIn(other) === name).map((other) => baseName(other));
  if (same.length === 0) return [];
  const message = `is also the name of the network in ${same.join(" and ")}`;
  return [
    error(["name"], message, "give each network of a folder a name of its own: only one would be found"),
  ];
}
