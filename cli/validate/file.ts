/** Validates one file with every check. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { latestVersion } from "../../shared/cni/version.ts";
import { extName } from "../../shared/system/path.ts";
import { readStandardInput } from "../../shared/system/stdio.ts";
import { decodeTextWithMark } from "../../shared/system/text.ts";
import { versionOf } from "../network/configuration.ts";
import { readRegularFile } from "../node/regular-file.ts";
import { printable } from "../printable.ts";
import { checkAddresses } from "./addresses.ts";
import { checkCapabilities } from "./capabilities.ts";
import type { Catalogue } from "./catalogue.ts";
import { checkInChain } from "./chain.ts";
import { DELEGATE, delegateIn } from "./delegate.ts";
import {
  error,
  type Finding,
  offsetOf,
  type Path,
  type Position,
  pathText,
  positionAt,
  warning,
} from "./finding.ts";
import { checkFolder } from "./folder.ts";
import { checkForm, type Form, formOf } from "./form.ts";
import { checkExecutables, checkHasPlugins, pluginFiles } from "./node-checks.ts";
import { checkByReaders, type NetworkKeys } from "./semantics.ts";
import { checkStructure } from "./structure.ts";
import { readDocument } from "./syntax.ts";
import { inList, inPlugin } from "./unknown-keys.ts";

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

export interface ValidationOptions {
  readonly catalogue: Catalogue;
  /** If undefined, only the file itself is checked, and not its surroundings on the node. */
  readonly node?: {
    /** The folders of executables. */
    readonly folders: readonly string[];
    /** The folder where runtimes look for configurations. */
    readonly configurations: string;
  };
  /** Undefined: by the file's ending. */
  readonly form?: Form;
}

/** A plugin in its chain. */
interface Placed {
  readonly raw: unknown;
  readonly path: Path;
  /** The plugins before it. */
  readonly before: readonly unknown[];
  /** Whether it is a file of its own, and in no list. */
  readonly isAlone: boolean;
}

function checkPlugin(placed: Placed, networkKeys: NetworkKeys, options: ValidationOptions): Finding[] {
  const { raw, path, before, isAlone } = placed;
  const { catalogue, node } = options;
  const ofObject = isObject(raw)
    ? [
        ...inPlugin(raw, path, catalogue, isAlone),
        ...checkCapabilities(raw, path, catalogue),
        ...checkAddresses(raw, path),
      ]
    : [];
  const delegate = delegateIn(raw, catalogue);
  const inside = [...path, DELEGATE];
  const surroundings = node === undefined ? undefined : { folders: node.folders, catalogue };
  return [
    ...ofObject,
    ...(delegate === undefined ? [] : inPlugin(delegate, inside, catalogue, false)),
    ...checkInChain(raw, before, path, catalogue),
    ...checkByReaders(raw, networkKeys, path, catalogue),
    ...(surroundings === undefined ? [] : checkExecutables(raw, path, surroundings)),
    ...(surroundings === undefined ? [] : checkExecutables(delegate, inside, surroundings)),
  ];
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

/** The plugins in the file. */
function pluginsOf(value: JsonObject, form: Form): Placed[] {
  if (form === "plugin") return [{ raw: value, path: [], before: [], isAlone: true }];
  const listed = Array.isArray(value["plugins"]) ? (value["plugins"] as unknown[]) : [];
  return listed.map((raw, index) => ({
    raw,
    path: ["plugins", index],
    before: listed.slice(0, index),
    isAlone: false,
  }));
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

function checkValue(file: string, value: unknown, options: ValidationOptions): Finding[] {
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
    ...(isMisnamed ? [] : pluginsOf(value, form).flatMap((each) => checkPlugin(each, networkKeys, options))),
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
      const placed = { raw, path: [], before: [...before], isAlone: false };
      before.push(raw);
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
  options: Pick<ValidationOptions, "catalogue" | "form">,
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
