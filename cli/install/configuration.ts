/** The network configuration that is put where the runtime looks: only when asked, and after the executables. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { extensions } from "../network/configuration.ts";
import { problem } from "./problem.ts";

/** A conflist to write. */
export interface Configuration {
  /** Where it was read. */
  readonly source: string;
  /** The name of the file to write, such as "10-single-node.conflist". */
  readonly name: string;
  readonly text: string;
  /** The executables it needs, IPAM included. */
  readonly types: readonly string[];
}

function parse(source: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new Error(`${source} is not JSON: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
  if (isObject(value)) return value;
  throw new Error(`${source} is no network configuration: it must be a JSON object`);
}

function typesOf(plugin: unknown, source: string): string[] {
  const type = isObject(plugin) ? plugin["type"] : undefined;
  if (!isObject(plugin) || typeof type !== "string" || type === "")
    throw new Error(`${source}: each of "plugins" must be an object with a "type"`);
  const ipam = plugin["ipam"];
  const ipamType = isObject(ipam) ? ipam["type"] : undefined;
  return typeof ipamType === "string" && ipamType !== "" ? [type, ipamType] : [type];
}

/** Specification 1.1.0, section 1: a network list has a version, a name, and at least one plugin. */
function readTypes(source: string, text: string): string[] {
  const { cniVersion, name, plugins } = parse(source, text);
  for (const [key, value] of Object.entries({ cniVersion, name }))
    if (typeof value !== "string" || value === "") throw new Error(`${source}: "${key}" is missing`);
  if (!Array.isArray(plugins) || plugins.length === 0)
    throw new Error(
      `${source}: "plugins" is missing; a single plugin's configuration must be made a list of one`,
    );
  return [...new Set(plugins.flatMap((plugin) => typesOf(plugin, source)))];
}

function readFile(source: string): string {
  try {
    return readFileSync(source, "utf8");
  } catch (thrown) {
    throw problem(`cannot read the configuration ${source}`, thrown);
  }
}

/** Reads a conflist and checks it so far that a runtime will load it. Throws if it will not. */
export function readConfiguration(source: string, givenName: string | undefined): Configuration {
  const name = givenName ?? source.slice(source.lastIndexOf("/") + 1);
  if (!/^[^./][^/]*\.conflist$/.test(name))
    throw new Error(
      `runtimes do not look at a file called ${JSON.stringify(name)}: --conf-name must say a name that ends in .conflist`,
    );
  const text = readFile(source);
  return { source, name, text, types: readTypes(source, text) };
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
  { name, types }: Configuration,
  confFolder: string,
  binFolder: string,
): string[] {
  const before = filesBefore(confFolder, name);
  const warnings: string[] = [];
  if (before.length > 0)
    warnings.push(
      `${before.map((file) => `${confFolder}/${file}`).join(", ")} sorts before ${name}: kubelet's runtimes take the first ` +
        "file of the folder and will not use this network; remove what sorts before, or choose another --conf-name",
    );
  const missing = types.filter((type) => !existsSync(`${binFolder}/${type}`));
  if (missing.length > 0) warnings.push(`${name} needs ${missing.join(", ")}, which is not in ${binFolder}`);
  return warnings;
}
