/** Reports keys that no plugin reads: a misspelt key changes what a network does, and the plugins ignore it. */
import { commonKeys } from "../../shared/cni/common-keys.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { Properties, Shape } from "../../shared/cni/schema.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Finding, type Path, warning } from "./finding.ts";

/** The Levenshtein distance of two words. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = a[row - 1] === b[column - 1] ? 0 : 1;
      const [left = 0, above = 0, corner = 0] = [current[column - 1], previous[column], previous[column - 1]];
      current.push(Math.min(left + 1, above + 1, corner + change));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

function similar(key: string, known: readonly string[]): string | undefined {
  const most = key.length < 5 ? 1 : 2;
  return known.find((each) => distance(each.toLowerCase(), key.toLowerCase()) <= most);
}

/** Keys of the specification, and annotations of other tools ("example.com/key"). */
const isForeign = (key: string) => key === "$schema" || key.includes("/");

function unknownKey(key: string, path: Path, known: readonly string[]): Finding {
  const withPositions = [...path, key];
  const other = known.find((each) => each.toLowerCase() === key.toLowerCase());
  const finding =
    other === undefined
      ? warning(withPositions, "is an unknown key", adviceFor(key, known))
      : warning(withPositions, `is read as "${other}"`, "spell it the same, for other readers");
  return { ...finding, isAboutKey: true };
}

function adviceFor(key: string, known: readonly string[]): string {
  const meant = similar(key, known);
  return meant === undefined ? "it has no effect" : `did you mean "${meant}"?`;
}

function inValue(value: unknown, shape: Shape, path: Path, catalogue: Catalogue): Finding[] {
  if (shape.type === "array" && Array.isArray(value))
    return value.flatMap((item, index) => inValue(item, shape.items, [...path, index], catalogue));
  if (!isObject(value)) return [];
  if (shape.type === "ipam") return inIpam(value, path, catalogue);
  if (shape.type !== "object" || shape.others !== undefined) return [];
  const isFree = Object.keys(shape.properties).length === 0;
  return isFree ? [] : inObject(value, shape.properties, path, catalogue);
}

function inIpam(value: JsonObject, path: Path, catalogue: Catalogue): Finding[] {
  const type = value["type"];
  const plugin = typeof type === "string" ? catalogue[type] : undefined;
  return plugin?.isIpam === true ? inObject(value, plugin.schema.properties, path, catalogue) : [];
}

/** The unknown keys of an object and of its values. */
function inObject(object: JsonObject, properties: Properties, path: Path, catalogue: Catalogue): Finding[] {
  return Object.entries(object).flatMap(([key, value]) => {
    const shape = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (shape !== undefined) return inValue(value, shape, [...path, key], catalogue);
    return isForeign(key) ? [] : [unknownKey(key, path, Object.keys(properties))];
  });
}

const listKeys: readonly string[] = [
  "cniVersion",
  "cniVersions",
  "name",
  "disableCheck",
  "disableGC",
  "loadOnlyInlinedPlugins",
  "plugins",
];

/** The unknown keys of a conflist, except those of its plugins. */
export function inList(list: JsonObject): Finding[] {
  const keys = Object.keys(list).filter((key) => !isForeign(key) && !listKeys.includes(key));
  return keys.map((key) => unknownKey(key, [], listKeys));
}

/** The unknown keys of one plugin's configuration; none for plugins that are not ours. */
export function inPlugin(raw: JsonObject, path: Path, catalogue: Catalogue): Finding[] {
  const type = raw["type"];
  const plugin = typeof type === "string" ? catalogue[type] : undefined;
  if (plugin === undefined || plugin.isIpam) return [];
  return inObject(raw, { ...commonKeys, ...plugin.schema.properties }, path, catalogue);
}
