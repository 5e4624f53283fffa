/** Reports keys that no plugin reads: a misspelt key changes what a network does, and the plugins ignore it. */
import { commonKeys } from "../../shared/cni/common-keys.ts";
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { Properties, Shape } from "../../shared/cni/schema.ts";
import type { Catalogue, KnownPlugin } from "./catalogue.ts";
import { type Finding, type Path, warning } from "./finding.ts";
import { isOfOthers, type PlaceName } from "./others-keys.ts";
import { negatedKey, similarKey } from "./similar.ts";

/** The place of an object, and where else its keys could have been meant for. */
interface Place {
  readonly name: PlaceName;
  readonly elsewhere: readonly Elsewhere[];
}

interface Elsewhere {
  readonly properties: Properties;
  readonly advice: string;
}

const somewhere: Place = { name: "other", elsewhere: [] };

function unknownKey(key: string, value: unknown, path: Path, known: Properties, place: Place): Finding {
  const at = [...path, key];
  const same = Object.keys(known).find((each) => each.toLowerCase() === key.toLowerCase());
  return {
    ...(same === undefined ? unread(key, value, at, known, place) : otherCase(same, at)),
    isAboutKey: true,
  };
}

const otherCase = (known: string, at: Path) =>
  warning(at, `is read as "${known}"`, "spell it the same, for other readers");

/** Exact keys of other places come before similar ones of this place: "gateway" beside ipam is not isGateway. */
function unread(key: string, value: unknown, at: Path, known: Properties, { elsewhere }: Place): Finding {
  const right = elsewhere.find(({ properties }) => Object.hasOwn(properties, key));
  if (right !== undefined) return warning(at, "has no effect here", right.advice);
  const negated = negatedKey(key, known);
  const without = `it has no effect: "${negated}" is true or false`;
  if (negated !== undefined) return warning(at, "is an unknown key", without);
  const meant = similarKey(key, value, known);
  const advice = meant === undefined ? "it has no effect" : `did you mean "${meant}"?`;
  return warning(at, "is an unknown key", advice);
}

function inValue(value: unknown, shape: Shape, path: Path, context: Context): Finding[] {
  if (shape.type === "array" && Array.isArray(value))
    return value.flatMap((item, index) => inValue(item, shape.items, [...path, index], context));
  if (!isObject(value)) return [];
  if (shape.type === "ipam") return inIpam(value, path, context);
  if (shape.type !== "object" || shape.others !== undefined) return [];
  const isFree = Object.keys(shape.properties).length === 0;
  return isFree ? [] : inObject(value, shape.properties, path, placeOf(shape, context), context);
}

/** What the objects in a plugin's configuration are looked at with. */
interface Context {
  readonly catalogue: Catalogue;
  readonly plugin: KnownPlugin;
  /** Of the section ipam, inside it. */
  readonly ipam?: Properties;
}

/** A range has the key `subnet`, and is in the section ipam. */
function placeOf({ properties }: Extract<Shape, { type: "object" }>, { ipam }: Context): Place {
  if (ipam === undefined || !Object.hasOwn(properties, "subnet")) return somewhere;
  return { name: "range", elsewhere: [{ properties: ipam, advice: 'move it beside "ranges"' }] };
}

function inIpam(value: JsonObject, path: Path, context: Context): Finding[] {
  const type = value["type"];
  const plugin = typeof type === "string" ? context.catalogue[type] : undefined;
  if (plugin?.isIpam !== true) return [];
  const { properties } = plugin.schema;
  const beside = { properties: context.plugin.schema.properties, advice: 'move it beside "ipam"' };
  const place: Place = { name: "ipam", elsewhere: [beside] };
  return inObject(value, properties, path, place, { ...context, ipam: properties });
}

/** The unknown keys of an object and of its values. */
function inObject(
  object: JsonObject,
  properties: Properties,
  path: Path,
  place: Place,
  context: Context,
): Finding[] {
  return Object.entries(object).flatMap(([key, value]) => {
    const shape = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (shape !== undefined) return inValue(value, shape, [...path, key], context);
    return isOfOthers(key, place.name) ? [] : [unknownKey(key, value, path, properties, place)];
  });
}

const flag = { type: "boolean" } as const;

/** The keys of a conflist, by libcni 1.3 (libcni/conf.go, NetworkConfFromBytes). */
const listKeys = {
  cniVersion: { type: "string" },
  cniVersions: { type: "array", items: { type: "string" } },
  name: { type: "string" },
  disableCheck: flag,
  disableGC: flag,
  loadOnlyInlinedPlugins: flag,
  plugins: { type: "array", items: { type: "object", properties: {} } },
} as const satisfies Properties;

const namedIn = (plugins: Catalogue): Properties =>
  Object.assign(
    {},
    ...Object.values(plugins).map((each) => (each?.isIpam === false ? each.schema.properties : {})),
  );

/** The unknown keys of a conflist, except those of its plugins. libcni reads them in this case only. */
export function inList(list: JsonObject, catalogue: Catalogue): Finding[] {
  const advice = 'move it into the object of a plugin, in "plugins"';
  const elsewhere = [{ properties: { ...commonKeys, ...namedIn(catalogue) }, advice }];
  return Object.entries(list).flatMap(([key, value]) => {
    if (Object.hasOwn(listKeys, key) || isOfOthers(key, "list")) return [];
    const exact = Object.keys(listKeys).find((each) => each.toLowerCase() === key.toLowerCase());
    const finding =
      exact === undefined
        ? unread(key, value, [key], listKeys, { name: "list", elsewhere })
        : warning([key], `is not read as "${exact}"`, "libcni knows the keys of a list in one case only");
    return [{ ...finding, isAboutKey: true }];
  });
}

/** The keys of IPAM plugins, where the configuration names one of ours or none. */
function ipamKeys(raw: JsonObject, catalogue: Catalogue): Properties {
  const type = isObject(raw["ipam"]) ? raw["ipam"]["type"] : undefined;
  const ours = Object.values(catalogue).filter((each) => each?.isIpam === true);
  const meant = typeof type === "string" ? [catalogue[type]] : ours;
  return Object.assign({}, ...meant.map((each) => (each?.isIpam === true ? each.schema.properties : {})));
}

const otherPlugins = (catalogue: Catalogue): Elsewhere[] =>
  Object.entries(catalogue).flatMap(([type, plugin]) => {
    if (plugin === undefined || plugin.isIpam) return [];
    const { properties, capabilities = {} } = plugin.schema;
    return [{ properties: { ...capabilities, ...properties }, advice: `it is of the plugin ${type}` }];
  });

/** The unknown keys of one plugin's configuration; none for plugins that are not ours. `isAlone`: no list has it. */
export function inPlugin(raw: JsonObject, path: Path, catalogue: Catalogue, isAlone: boolean): Finding[] {
  const type = raw["type"];
  const plugin = typeof type === "string" ? catalogue[type] : undefined;
  if (plugin === undefined || plugin.isIpam) return [];
  const { properties, capabilities = {} } = plugin.schema;
  const hasIpam = Object.values(properties).some((shape) => shape.type === "ipam");
  const place: Place = {
    name: "plugin",
    elsewhere: [
      ...(hasIpam ? [{ properties: ipamKeys(raw, catalogue), advice: 'move it into "ipam"' }] : []),
      { properties: capabilities, advice: 'the runtime gives it: declare it in "capabilities"' },
      ...(isAlone ? [] : [{ properties: listKeys, advice: 'move it beside "plugins"' }]),
      ...otherPlugins(catalogue),
    ],
  };
  const known = { ...commonKeys, ...properties, ...(isAlone ? { plugins: listKeys.plugins } : {}) };
  return inObject(raw, known, path, place, { catalogue, plugin });
}
