/** Validates one file with every check. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { latestVersion } from "../../shared/cni/version.ts";
import { extName } from "../../shared/system/path.ts";
import { readStandardInput } from "../../shared/system/stdio.ts";
import { decodeTextWithMark } from "../../shared/system/text.ts";
import { versionOf } from "../network/configuration.ts";
import { readRegularFile } from "../node/regular-file.ts";
import { printable } from "../printable.ts";
import { withoutAliases } from "./aliases.ts";
import { error, type Finding, offsetOf, type Position, pathText, positionAt, warning } from "./finding.ts";
import { checkFolder } from "./folder.ts";
import { checkForm, type Form, formOf } from "./form.ts";
import { checkHasPlugins, pluginFiles } from "./node-checks.ts";
import type { ValidationOptions } from "./options.ts";
import { checkPlugin, pluginsOf } from "./placed.ts";
import { checkStructure } from "./structure.ts";
import { readDocument } from "./syntax.ts";
import { inList } from "./unknown-keys.ts";

/** Stands for a file's name. */
const STANDARD_INPUT = "-";

export interface LocatedFinding extends Finding, Position {
  readonly file: string;
}

/** FILE:LINE:COLUMN as compilers write it; editors make it a link. */
export const positionText = ({ file, line, column }: LocatedFinding): string =>
  `${printable(file)}:${line}:${column}`;

/** The finding as text. */
export function findingText({ path, message, advice }: LocatedFinding): string {
  const subject = path.length === 0 ? "" : `${pathText(path)} `;
  return printable(`${subject}${message}${advice === "" ? "" : ` (${advice})`}`);
}

/** The schema of a plugin has no name: a conflist provides it. */
function checkName({ name }: JsonObject): Finding[] {
  return (name ?? "") === "" ? [error(["name"], "is missing", "every network needs a name of its own")] : [];
}

function checkVersion(value: JsonObject): Finding[] {
  const isMissing = (value["cniVersion"] ?? "") === "" && (value["cniVersions"] ?? undefined) === undefined;
  const message = 'is missing: that means 0.1.0, which knows no "prevResult", CHECK, GC or STATUS';
  return isMissing ? [warning(["cniVersion"], message, `write "${latestVersion}"`)] : [];
}

/** The version that plugins get. A version of a wrong type counts as the newest: the schema reports it. */
function knownVersion(value: JsonObject): string {
  try {
    const version = versionOf(value);
    return version === "" ? "0.1.0" : version;
  } catch {
    return latestVersion;
  }
}

/** The findings of the network itself. If the file has another form than its ending says, all else follows from that. */
function checkNetwork(file: string, value: JsonObject, form: Form, options: ValidationOptions): Finding[] {
  const { catalogue, node } = options;
  const hasFiles = node !== undefined && form === "list" && pluginFiles(file, value).length > 0;
  const misnamed = hasFiles ? [] : checkForm(file, value, form);
  const common = [...checkName(value), ...checkVersion(value), ...misnamed];
  if (misnamed.some(({ severity }) => severity === "error")) return common;
  return [
    ...common,
    ...(form === "list" ? inList(value, catalogue) : []),
    ...(node !== undefined && form === "list" && !hasFiles ? checkHasPlugins(value) : []),
  ];
}

function checkValue(file: string, given: unknown, options: ValidationOptions): Finding[] {
  const value = withoutAliases(given, options.aliases);
  const form = options.form ?? formOf(file, value);
  if (!isObject(value)) return checkStructure(value, form === "list");
  const ofNetwork = checkNetwork(file, value, form, options);
  const isMisnamed = ofNetwork.some(
    ({ severity, path: [key] }) => severity === "error" && (key === "type" || key === "plugins"),
  );
  const networkKeys = { name: value["name"], cniVersion: knownVersion(value) };
  const { node } = options;
  const others = [
    ...ofNetwork,
    ...(isMisnamed
      ? []
      : pluginsOf(value, given, form).flatMap((each) => checkPlugin(each, networkKeys, options))),
    ...(node === undefined ? [] : checkFolder(file, value, node.configurations)),
  ];
  const structure = isMisnamed ? [] : checkStructure(value, form === "list");
  // Readers find the schema's findings again and add advice, but stop at the first error. Where both report a path, the
  // reader's text wins.
  const reported = new Set(others.map(({ path }) => JSON.stringify(path)));
  return [...structure.filter(({ path }) => !reported.has(JSON.stringify(path))), ...others];
}

/** Findings in the plugin files of a list: CNI 1.1.0 allows them in a folder of its name. */
function checkPluginFiles(file: string, text: string, options: ValidationOptions): LocatedFinding[] {
  const { value } = readDocument(text);
  if (extName(file) !== ".conflist" || !isObject(value)) return [];
  const networkKeys = { name: value["name"], cniVersion: knownVersion(value) };
  const inlined = Array.isArray(value["plugins"]) ? (value["plugins"] as unknown[]) : [];
  const before = [...inlined];
  return pluginFiles(file, value).flatMap((other) =>
    locate(other, read(other), (raw) => {
      const findings = isObject(raw) ? [] : [error([], "is not an object", "each plugin is one")];
      const named = withoutAliases(raw, options.aliases);
      const placed = { raw: named, stated: raw, path: [], before: [...before], isAlone: false };
      before.push(named);
      return [...findings, ...checkPlugin(placed, networkKeys, options)];
    }),
  );
}

interface Content {
  readonly text: string;
  /** The reasons why the value is missing. */
  readonly findings: readonly Finding[];
}

function read(file: string): Content {
  try {
    const text =
      file === STANDARD_INPUT ? decodeTextWithMark(readStandardInput()) : readRegularFile(file).text;
    return { text, findings: [] };
  } catch (thrown) {
    return { text: "", findings: [{ ...error([], (thrown as Error).message), offset: 0 }] };
  }
}

interface Checked {
  readonly findings: readonly Finding[];
  readonly root: Parameters<typeof offsetOf>[1];
}

function check(text: string, checkParsed: (value: unknown) => Finding[]): Checked {
  const { root, value, findings } = readDocument(text);
  if (value === undefined) return { findings: [...findings], root };
  return { findings: [...findings, ...checkParsed(value)], root };
}

/** Sorts findings by their position. */
function withPositions(file: string, text: string, { findings, root }: Checked): LocatedFinding[] {
  return findings
    .map((finding) => ({ finding, offset: offsetOf(finding, root) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ finding, offset }) => ({ ...finding, file, ...positionAt(text, offset) }));
}

/** Adds file, line and column to findings. */
function locate(
  file: string,
  content: Content,
  checkParsed: (value: unknown) => Finding[],
): LocatedFinding[] {
  const { text, findings } = content;
  return withPositions(
    file,
    text,
    findings.length > 0 ? { findings, root: undefined } : check(text, checkParsed),
  );
}

/** Checks the text alone, without its folder and node: the file may be meant for another. `form`: as it will be read. */
export const validateText = (
  file: string,
  text: string,
  options: Pick<ValidationOptions, "catalogue" | "aliases" | "form">,
): LocatedFinding[] =>
  withPositions(
    file,
    text,
    check(text, (value) => checkValue(file, value, options)),
  );

/** Checks a file, and the plugin files that belong to it. */
export function validateFile(file: string, options: ValidationOptions): LocatedFinding[] {
  const content = read(file);
  return [
    ...locate(file, content, (value) => checkValue(file, value, options)),
    ...checkPluginFiles(file, content.text, options),
  ];
}
