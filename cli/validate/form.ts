/** What a file is read as, by libcni's rules (libcni/conf.go): a list from a .conflist, a single plugin from a .conf or .json. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import { baseName, extName } from "../../shared/system/path.ts";
import { error, type Finding, warning } from "./finding.ts";

export type Form = "list" | "plugin";

const single: readonly string[] = [".conf", ".json"];

/** A file with another ending, or standard input, is what it looks like. */
export function formOf(file: string, value: unknown): Form {
  const ending = extName(file);
  if (ending === ".conflist") return "list";
  if (single.includes(ending)) return "plugin";
  return isObject(value) && Array.isArray(value["plugins"]) ? "list" : "plugin";
}

/** The file's name with another ending. */
function renamed(file: string, ending: string): string {
  const name = baseName(file);
  const known = extName(name);
  return `${known === "" ? name : name.slice(0, -known.length)}${ending}`;
}

/** Whether the file has the other form than its ending says. The findings that follow from it say nothing. */
export const isMisnamedList = (value: JsonObject) =>
  Array.isArray(value["plugins"]) && (value["type"] ?? undefined) === undefined;

export const isMisnamedPlugin = (value: JsonObject) =>
  (value["plugins"] ?? undefined) === undefined && (value["type"] ?? undefined) !== undefined;

/** Reports a list where a single plugin is read, and the other way round. */
export function checkForm(file: string, value: JsonObject, form: Form): Finding[] {
  const ending = extName(file);
  if (form === "list") {
    if (!isMisnamedPlugin(value)) return [];
    const advice = `rename the file to ${renamed(file, ".conf")}, or put what is the plugin's into "plugins": [{"type": ...}]`;
    const finding = error(
      ["type"],
      'is of a single plugin, and "plugins" is missing: a .conflist lists plugins',
      advice,
    );
    return [{ ...finding, isAboutKey: true }];
  }
  if ((value["plugins"] ?? undefined) === undefined) return [];
  const advice = `rename the file to ${renamed(file, ".conflist")}, which is read as a list`;
  const finding = isMisnamedList(value)
    ? error(["plugins"], `is not read from a ${ending} file: "type" is missing there`, advice)
    : warning(
        ["plugins"],
        `is not read from a file with "type" that is no .conflist: "type" alone counts`,
        advice,
      );
  return [{ ...finding, isAboutKey: true }];
}
