/** The network configuration that is put where the runtime looks: only when asked, and after the executables. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { extensions } from "../network/configuration.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import { type Located, placeText, saidText, validateText } from "../validate/file.ts";
import { problem } from "./problem.ts";
import type { End } from "./stay.ts";

/** A conflist to write. */
export interface Configuration {
  /** Where it was read. */
  readonly source: string;
  /** The name of the file to write, such as "10-single-node.conflist". */
  readonly name: string;
  readonly text: string;
  /** The executables it needs, IPAM included. */
  readonly types: readonly string[];
  /** What is odd about it, and keeps nothing from working. */
  readonly oddities: readonly string[];
}

const sentence = (found: Located): string => `${placeText(found)}: ${saidText(found)}`;

/** Throws for what a plugin would refuse at every ADD. Returns what else there is to say. */
function checkText(source: string, text: string, catalogue: Catalogue): string[] {
  const found = validateText(source, text, catalogue);
  const errors = found.filter(({ severity }) => severity === "error").map(sentence);
  if (errors.length > 0)
    throw new Error(`the configuration is no good, and nothing was changed:\n${errors.join("\n")}`);
  return found.map(sentence);
}

const typesOf = (plugin: JsonObject): unknown[] => {
  const { type, ipam } = plugin;
  return isObject(ipam) ? [type, ipam["type"]] : [type];
};

/** The types in a list that is in order. It stands alone: a folder of plugins beside it (CNI 1.1.0) is not installed. */
function readTypes(source: string, text: string): string[] {
  const { plugins } = JSON.parse(text) as JsonObject;
  if (!Array.isArray(plugins) || plugins.length === 0)
    throw new Error(
      `${source}: "plugins" is missing; a single plugin's configuration must be made a list of one`,
    );
  const types = plugins.filter(isObject).flatMap(typesOf);
  return [...new Set(types)].filter((type) => typeof type === "string" && type !== "") as string[];
}

/** A pipe may keep its reader waiting. */
async function readText(source: string, { interruption }: End): Promise<string> {
  try {
    return await Promise.race([readFile(source, "utf8"), interruption]);
  } catch (thrown) {
    throw problem(`cannot read the configuration ${source}`, thrown);
  }
}

/** Reads a conflist, and checks it as `podwire validate` does. Throws if it could not work. */
export async function readConfiguration(
  source: string,
  givenName: string | undefined,
  catalogue: Catalogue,
  end: End,
): Promise<Configuration> {
  const name = givenName ?? source.slice(source.lastIndexOf("/") + 1);
  if (!/^[^./][^/]*\.conflist$/.test(name))
    throw new Error(
      `runtimes do not look at a file called ${JSON.stringify(name)}: --conf-name must say a name that ends in .conflist`,
    );
  const text = await readText(source, end);
  const oddities = checkText(source, text, catalogue);
  return { source, name, text, types: readTypes(source, text), oddities };
}

/** For the nodes that a folder has no file of. */
const forAllNodes = "all-nodes.conflist";

/**
 * The file that --conf means: itself, or of a folder (such as a ConfigMap's, which may be empty) the one that is named
 * after the node, or else the one for all. Undefined if the folder has neither.
 */
export function findConfiguration(given: string, node: string | undefined): string | undefined {
  if (!(statSync(given, { throwIfNoEntry: false })?.isDirectory() ?? false)) return given;
  const candidates = node === undefined || node === "" ? [forAllNodes] : [`${node}.conflist`, forAllNodes];
  return candidates.map((name) => `${given}/${name}`).find((path) => existsSync(path));
}

/** Runtimes load the files that libcni reads, sorted by bytes. */
function filesBefore(folder: string, name: string): string[] {
  return readdirSync(folder)
    .filter((other) => extensions.some((ending) => other.endsWith(ending)))
    .filter((other) => Buffer.compare(Buffer.from(other), Buffer.from(name)) < 0)
    .sort();
}

/** What keeps a runtime from using the configuration that was written. */
export function configurationWarnings(
  { name, types, oddities }: Configuration,
  confFolder: string,
  binFolder: string,
): string[] {
  const before = filesBefore(confFolder, name);
  const warnings = [...oddities];
  if (before.length > 0)
    warnings.push(
      `${before.map((file) => `${confFolder}/${file}`).join(", ")} sorts before ${name}: kubelet's runtimes take the first ` +
        "file of the folder and will not use this network; remove what sorts before, or choose another --conf-name",
    );
  const missing = types.filter((type) => !existsSync(`${binFolder}/${type}`));
  if (missing.length > 0) warnings.push(`${name} needs ${missing.join(", ")}, which is not in ${binFolder}`);
  return warnings;
}
