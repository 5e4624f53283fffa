/** Installs a network configuration in the runtime's folder: only on request, and after the executables. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { listDirectory } from "../../shared/system/directory.ts";
import { closeFile, OpenFlag, openFile, readAll } from "../../shared/system/file.ts";
import { fileStatus, isReachable } from "../../shared/system/file-status.ts";
import { findExecutable } from "../../shared/system/process.ts";
import { decodeTextWithMark, encodeText } from "../../shared/system/text.ts";
import { extensions } from "../network/configuration.ts";
import type { Catalogue } from "../validate/catalogue.ts";
import { delegateIn } from "../validate/delegate.ts";
import { findingText, type LocatedFinding, positionText, validateText } from "../validate/file.ts";
import type { ValidationOptions } from "../validate/options.ts";
import { stepError } from "./errors.ts";
import type { Termination } from "./termination.ts";

/** A conflist to write. */
export interface Configuration {
  /** The path it was read from. */
  readonly source: string;
  /** The name of the file to write, such as "10-single-node.conflist". */
  readonly name: string;
  readonly text: string;
  /** The executables it needs, IPAM included. */
  readonly types: readonly string[];
  /** Problems that do not keep it from working. */
  readonly oddities: readonly string[];
}

const sentence = (found: LocatedFinding): string => `${positionText(found)}: ${findingText(found)}`;

/** The plugins, and further names of some. */
export type Known = Required<Pick<ValidationOptions, "catalogue" | "aliases">>;

/** Throws for what a plugin would refuse at every ADD. Returns the warnings. */
function checkText(source: string, text: string, known: Known): string[] {
  const found = validateText(source, text, { ...known, form: "list" });
  const errors = found.filter(({ severity }) => severity === "error").map(sentence);
  if (errors.length > 0)
    throw new Error(`the configuration has errors, and nothing was changed:\n${errors.join("\n")}`);
  return found.map(sentence);
}

function typesOf(plugin: JsonObject, catalogue: Catalogue): unknown[] {
  const { type, ipam } = plugin;
  const delegate = delegateIn(plugin, catalogue)?.["type"];
  return [type, delegate, isObject(ipam) ? ipam["type"] : undefined];
}

/** Returns the plugin types of a valid list. Plugins in a folder beside the list (CNI 1.1.0) are not installed. */
function readTypes(source: string, text: string, catalogue: Catalogue): string[] {
  const { plugins } = JSON.parse(text) as JsonObject;
  if (!Array.isArray(plugins) || plugins.length === 0)
    throw new Error(
      `${source}: "plugins" is missing; a single plugin's configuration must be in a list of one`,
    );
  const types = plugins.filter(isObject).flatMap((plugin) => typesOf(plugin, catalogue));
  return [...new Set(types)].filter((type) => typeof type === "string" && type !== "") as string[];
}

/** Opening a pipe and reading from it can block for ever, so the wait also ends by a signal. */
function readWhole(source: string, { waitForInput }: Termination): string {
  const descriptor = openFile(source, OpenFlag.readOnly | OpenFlag.nonBlocking);
  try {
    return decodeTextWithMark(readAll(descriptor, source, () => waitForInput(descriptor)));
  } finally {
    closeFile(descriptor);
  }
}

function readText(source: string, termination: Termination): string {
  try {
    return readWhole(source, termination);
  } catch (thrown) {
    throw stepError(`cannot read the configuration ${source}`, thrown);
  }
}

/** Reads a conflist and checks it as `podwire validate` does. Throws if it cannot work. */
export function readConfiguration(
  source: string,
  givenName: string | undefined,
  known: Known,
  termination: Termination,
): Configuration {
  const name = givenName ?? source.slice(source.lastIndexOf("/") + 1);
  if (!/^[^./][^/]*\.conflist$/.test(name))
    throw new Error(
      `runtimes ignore a file called ${JSON.stringify(name)}: --conf-name must end in .conflist`,
    );
  const text = readText(source, termination);
  const oddities = checkText(source, text, known);
  return { source, name, text, types: readTypes(source, text, known.catalogue), oddities };
}

/** The file for nodes that have no file of their own. */
const forAllNodes = "all-nodes.conflist";

/**
 * Finds the file that --conf means. In a folder (such as a mounted ConfigMap) it is the file named after the node,
 * else the one for all nodes. Undefined if the folder has neither: a ConfigMap may be empty.
 */
export function findConfiguration(given: string, node: string | undefined): string | undefined {
  if (fileStatus(given)?.isDirectory !== true) return given;
  const candidates = node === undefined || node === "" ? [forAllNodes] : [`${node}.conflist`, forAllNodes];
  return candidates.map((name) => `${given}/${name}`).find(isReachable);
}

/** Compares names by bytes, as Go does. JavaScript compares UTF-16 units. */
function sortsBefore(name: string, other: string): boolean {
  const [left, right] = [encodeText(name), encodeText(other)];
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at < 0 ? left.length < right.length : (left[at] ?? 0) < (right[at] ?? 0);
}

/** Runtimes load the files in libcni's order: sorted by bytes. */
function filesBefore(folder: string, name: string): string[] {
  return listDirectory(folder)
    .filter((other) => extensions.some((ending) => other.endsWith(ending)))
    .filter((other) => sortsBefore(other, name))
    .sort();
}

/** Returns the reasons for which a runtime would not use the installed configuration. */
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
  const missing = types.filter((type) => findExecutable(type, [binFolder]) === undefined);
  if (missing.length > 0) warnings.push(`${name} needs ${missing.join(", ")}, which is not in ${binFolder}`);
  return warnings;
}
