/** Everything that can be found in one file. */
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { isObject } from "../../shared/cni/fields.ts";
import type { Catalogue } from "./catalogue.ts";
import { error, type Finding, offsetOf, type Path, type Position, positionAt } from "./finding.ts";
import { checkMeaning, type Shared } from "./semantics.ts";
import { checkStructure } from "./structure.ts";
import { checkExecutables, checkOnlyOne } from "./surroundings.ts";
import { readDocument } from "./syntax.ts";
import { inList, inPlugin } from "./unknown-keys.ts";

export interface Located extends Finding, Position {
  readonly file: string;
}

export interface Tools {
  readonly catalogue: Catalogue;
  /** Where executables are looked for. */
  readonly folders: readonly string[];
}

function checkPlugin(raw: unknown, shared: Shared, path: Path, tools: Tools): Finding[] {
  const { catalogue, folders } = tools;
  return [
    ...(isObject(raw) ? inPlugin(raw, path, catalogue) : []),
    ...checkMeaning(raw, shared, path, catalogue),
    ...checkExecutables(raw, path, folders),
  ];
}

/** A conflist holds plugins; anything else is one. */
function checkValue(file: string, value: unknown, tools: Tools): Finding[] {
  const isList = extname(file) === ".conflist" || (isObject(value) && Array.isArray(value["plugins"]));
  const structure = checkStructure(value, isList);
  if (!isObject(value)) return structure;
  const { name, cniVersion } = value;
  const shared = { name, cniVersion };
  const listed = Array.isArray(value["plugins"]) ? (value["plugins"] as unknown[]) : [];
  const plugins = isList
    ? listed.flatMap((raw, index) => checkPlugin(raw, shared, ["plugins", index], tools))
    : checkPlugin(value, shared, [], tools);
  const others = [...(isList ? inList(value) : []), ...plugins, ...checkOnlyOne(file, name)];
  // Readers find again what the schema has found, in other words.
  const told = new Set(structure.map(({ path }) => JSON.stringify(path)));
  return [...structure, ...others.filter(({ path }) => !told.has(JSON.stringify(path)))];
}

function missingName(value: unknown): Finding[] {
  const isMissing = isObject(value) && (value["name"] ?? "") === "" && !("name" in value);
  return isMissing ? [error([], 'needs the key "name"', "every network has one")] : [];
}

function read(file: string): { text: string; findings: Finding[] } {
  try {
    return { text: readFileSync(file, "utf8"), findings: [] };
  } catch (thrown) {
    return { text: "", findings: [{ ...error([], (thrown as Error).message), offset: 0 }] };
  }
}

function check(
  file: string,
  text: string,
  tools: Tools,
): { findings: Finding[]; root: Parameters<typeof offsetOf>[1] } {
  const { root, value, findings } = readDocument(text);
  if (value === undefined) return { findings: [...findings], root };
  const found = checkValue(file, value, tools);
  const isNamed = found.some(({ message }) => message === 'needs the key "name"');
  return { findings: [...findings, ...(isNamed ? [] : missingName(value)), ...found], root };
}

/** Checks a file. Findings are in the order of their places. */
export function validateFile(file: string, tools: Tools): Located[] {
  const { text, findings: unreadable } = read(file);
  const { findings, root } =
    unreadable.length > 0 ? { findings: unreadable, root: undefined } : check(file, text, tools);
  return findings
    .map((finding) => ({ finding, offset: offsetOf(finding, root) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ finding, offset }) => ({ ...finding, file, ...positionAt(text, offset) }));
}
