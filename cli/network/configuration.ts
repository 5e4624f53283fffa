/**
 * Network configurations in a folder, by libcni's rules (libcni/conf.go): first *.conflist sorted by name, then single
 * plugins in *.conf and *.json, each as a list of one.
 */
import { CniError, ErrorCode, messageOf, quote } from "../../shared/cni/error.ts";
import { Fields, isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { nameProblem } from "../../shared/cni/names.ts";
import { supportedVersions } from "../../shared/cni/version.ts";
import { listEntries } from "../../shared/system/directory.ts";
import { extName, join } from "../../shared/system/path.ts";
import { readRegularFile } from "../node/regular-file.ts";
import { firstMistake } from "../validate/syntax.ts";

export interface PluginConfiguration {
  readonly type: string;
  readonly raw: JsonObject;
}

export interface NetworkList {
  readonly name: string;
  /**
   * The version that the plugins get: the newest known one of `cniVersions`, else `cniVersion`. Empty if neither is
   * given.
   */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  readonly plugins: readonly PluginConfiguration[];
  /** The list as text, which libcni caches. */
  readonly text: string;
}

function invalid(problem: string, advice: string): CniError {
  return new CniError(ErrorCode.invalidConfiguration, problem, advice);
}

/** libcni accepts true and "true". */
function readFlag(list: JsonObject, key: string): boolean {
  const value = list[key] ?? false;
  const text = typeof value === "string" ? value.toLowerCase() : value;
  if (text === true || text === "true") return true;
  if (text === false || text === "false") return false;
  throw invalid(`"${key}" is ${quote(value)}`, "write true or false");
}

/** Returns the version that the plugins of a list get. Empty means 0.1.0. Throws code 6. */
export function versionOf(list: JsonObject): string {
  const fields = new Fields(list);
  const single = fields.text("cniVersion") ?? "";
  const several = fields.texts("cniVersions");
  if (several === undefined) return single;
  const known = supportedVersions.filter((version) => version === single || several.includes(version));
  return known.at(-1) ?? single;
}

function readPlugin(raw: unknown, path: string): PluginConfiguration {
  if (!isObject(raw))
    throw invalid(`${path} is not an object`, `each plugin is one, such as {"type": "bridge"}`);
  const type = new Fields(raw, path).text("type") ?? "";
  if (type === "") throw invalid(`"${path}.type" is missing`, "it names the plugin's executable");
  return { type, raw };
}

function noPlugins(list: JsonObject, folder: string): CniError {
  const isSingle = (list["plugins"] ?? undefined) === undefined && (list["type"] ?? undefined) !== undefined;
  const advice = isSingle
    ? 'a single plugin is read from a file that ends in .conf: rename it, or put the plugin into "plugins"'
    : `list them in "plugins", or as ${folder}/*.conf`;
  return invalid("the network has no plugins", advice);
}

/** Reads a list from the text of a file in `folder`, with the plugins in the folder of its name (CNI 1.1.0). */
export function readList(text: string, folder: string): NetworkList {
  const list: unknown = JSON.parse(text);
  if (!isObject(list)) throw invalid("the configuration is not an object", "a conflist is one JSON object");
  // libcni knows the keys of a list in one case only.
  const name = list["name"] === undefined ? "" : (new Fields(list).text("name") ?? "");
  if (name === "") throw invalid(`"name" is missing`, "every network needs a name");
  // The name becomes part of paths.
  const problem = nameProblem(name);
  if (problem !== undefined) throw invalid(`"name" is ${quote(name)}`, problem);
  const inlined = list["plugins"] ?? undefined;
  if (inlined !== undefined && !Array.isArray(inlined))
    throw invalid(`"plugins" is no list`, "it lists the plugins");
  const inlinedPlugins = (inlined ?? []).map((raw, index) => readPlugin(raw, `plugins[${index}]`));
  const others = readFlag(list, "loadOnlyInlinedPlugins") ? [] : readPluginFiles(join(folder, name));
  const plugins = [...inlinedPlugins, ...others];
  if (plugins.length === 0) throw noPlugins(list, join(folder, name));
  return {
    name,
    cniVersion: versionOf(list),
    disableCheck: readFlag(list, "disableCheck"),
    disableGc: readFlag(list, "disableGC"),
    plugins,
    text,
  };
}

function readPluginFiles(folder: string): PluginConfiguration[] {
  return filesIn(folder, [".conf"]).map((file) => readPlugin(JSON.parse(readRegularFile(file).text), file));
}

/** A single plugin as a list of one. */
function readSingle(text: string, folder: string): NetworkList {
  const raw: unknown = JSON.parse(text);
  if (!isObject(raw))
    throw invalid("the configuration is not an object", "a configuration is one JSON object");
  const fields = new Fields(raw);
  if ((fields.text("type") ?? "") === "" && Array.isArray(raw["plugins"])) {
    const advice = "a list of plugins is read from a file that ends in .conflist: rename it";
    throw invalid('"type" is missing beside "plugins"', advice);
  }
  const list = {
    cniVersion: fields.text("cniVersion") ?? "",
    name: fields.text("name") ?? "",
    plugins: [raw],
    loadOnlyInlinedPlugins: true,
  };
  return readList(JSON.stringify(list), folder);
}

/** The endings of the files that libcni reads (libcni/conf.go, ConfFiles). */
export const extensions: readonly string[] = [".conflist", ".conf", ".json"];

/** The files of a folder with one of these endings, in the order of their names; none if it is missing. */
export function filesIn(folder: string, extensions: readonly string[]): string[] {
  return listEntries(folder)
    .filter(({ name, isDirectory }) => !isDirectory && extensions.includes(extName(name)))
    .map(({ name }) => join(folder, name))
    .sort();
}

/** Reads a file as a list, by its ending. Throws CniError, or SyntaxError if it is not JSON. */
function readNetworkFile(file: string, folder: string): NetworkList {
  const { text } = readRegularFile(file);
  return extName(file) === ".conflist" ? readList(text, folder) : readSingle(text, folder);
}

/** Adds line and column to a syntax error: QuickJS's parser gives none. */
function faultOf(file: string, thrown: unknown): string {
  const mistake = thrown instanceof SyntaxError ? firstMistake(readRegularFile(file).text) : undefined;
  return mistake === undefined
    ? `${file} is skipped: ${messageOf(thrown)}`
    : `${file}:${mistake.line}:${mistake.column} is skipped: ${mistake.message}`;
}

/** The configurations of a folder in libcni's order. */
export const configurationsIn = (folder: string): string[] => [
  ...filesIn(folder, [".conflist"]),
  ...filesIn(folder, [".conf", ".json"]),
];

/** The sorted names of all networks in a folder that can be read. */
export function networkNames(folder: string): string[] {
  const names = configurationsIn(folder).flatMap((file) => {
    try {
      return [readNetworkFile(file, folder).name];
    } catch {
      return [];
    }
  });
  return [...new Set(names)].sort();
}

/**
 * Finds a network by name: the first one, as in libcni; undefined if the folder has none. Unlike libcni, it skips a
 * file that cannot be read. `warn` gets the reason, and each further network of the name.
 */
export function findNetwork(
  folder: string,
  name: string,
  warn: (text: string) => void,
): NetworkList | undefined {
  let first: { file: string; list: NetworkList } | undefined;
  for (const file of configurationsIn(folder)) {
    try {
      const list = readNetworkFile(file, folder);
      if (list.name !== name) continue;
      if (first !== undefined)
        warn(`${file} has a network ${quote(name)} too: the one in ${first.file} is used`);
      first ??= { file, list };
    } catch (thrown) {
      warn(faultOf(file, thrown));
    }
  }
  return first?.list;
}
