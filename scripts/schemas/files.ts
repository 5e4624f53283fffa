/** The files of dist/schemas: one for each plugin, one for a conflist, one for a single plugin's configuration. */
import { commonKeys } from "../../shared/cni/common-keys.ts";
import type { PluginSchema, Properties } from "../../shared/cni/schema.ts";
import { supportedVersions } from "../../shared/cni/version.ts";
import type { Described } from "./find.ts";
import { type Json, objectSchema } from "./json-schema.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

const version = { enum: supportedVersions, description: "version of the CNI specification" };
const name = {
  type: "string",
  pattern: "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$",
  description: "the network's name, of which there is one on a node",
};

/** The capabilities that a runtime may pass in runtimeConfig, if the configuration declares them. */
function ownKeys({ properties, capabilities = {} }: PluginSchema): Properties {
  const able = Object.keys(capabilities).map((key) => [key, { type: "boolean" }] as const);
  return {
    ...commonKeys,
    capabilities: { ...commonKeys.capabilities, properties: Object.fromEntries(able) },
    runtimeConfig: { type: "object", properties: capabilities },
    ...properties,
  };
}

/** A plugin's keys without the common ones of a network. */
function pluginBody({ name: type, schema, isIpam }: Described): Json {
  const keys = isIpam ? schema.properties : ownKeys(schema);
  const body = objectSchema({ properties: keys, required: ["type", ...(schema.required ?? [])] });
  const properties = { ...(body["properties"] as Json), type: { const: type } };
  return { ...body, properties: isIpam ? properties : { ...properties, cniVersion: version, name } };
}

/** An object whose `type` chooses its schema. Unknown types are valid. */
function byType(described: readonly Described[]): Json {
  return {
    type: "object",
    required: ["type"],
    properties: {
      type: { type: "string", minLength: 1, examples: described.map(({ name: type }) => type) },
    },
    allOf: described.map(({ name: type }) => ({
      if: { properties: { type: { const: type } }, required: ["type"] },
      // biome-ignore lint/suspicious/noThenProperty: "then" is a keyword of JSON Schema
      then: { $ref: `#/$defs/${type}` },
    })),
  };
}

function definitions(all: readonly Described[]): Json {
  const ipam = all.filter(({ isIpam }) => isIpam);
  const others = all.filter(({ isIpam }) => !isIpam);
  return {
    ...Object.fromEntries(all.map((each) => [each.name, pluginBody(each)])),
    // IPAM is optional: no type means none.
    ipam: { ...byType(ipam), required: [], properties: { type: { type: ["string", "null"] } } },
    plugin: byType(others),
  };
}

/** libcni takes the words in any case. */
const flag = (description: string) => ({
  enum: [
    true,
    false,
    ...["true", "false"].flatMap((word) => [
      word,
      `${word[0]?.toUpperCase()}${word.slice(1)}`,
      word.toUpperCase(),
    ]),
  ],
  description,
});

const listProperties = {
  $schema: { type: "string" },
  cniVersion: version,
  cniVersions: { type: "array", items: { type: "string" }, description: "the newest known one is taken" },
  name,
  disableCheck: flag("CHECK does nothing"),
  disableGC: flag("GC does nothing"),
  loadOnlyInlinedPlugins: flag("no plugins are taken from the folder of the network's name"),
  plugins: { type: "array", minItems: 1, items: { $ref: "#/$defs/plugin" } },
};

/** The definitions that a schema refers to, directly or indirectly. */
function reachable(schema: unknown, definitions: Json, found: Record<string, unknown> = {}): Json {
  for (const [, name = ""] of JSON.stringify(schema).matchAll(/"#\/\$defs\/([^"]+)"/g)) {
    if (name in found) continue;
    found[name] = definitions[name];
    reachable(definitions[name], definitions, found);
  }
  return found;
}

/** File name to schema. Each schema is self-contained. */
export function schemaFiles(all: readonly Described[]): Map<string, Json> {
  const $defs = definitions(all);
  const files = new Map<string, Json>();
  const add = (file: string, schema: Json) =>
    files.set(file, { $schema: DRAFT, ...schema, $defs: reachable(schema, $defs) });
  const conflist = { type: "object", required: ["name"], properties: listProperties };
  add("conflist", { title: "a CNI network (conflist)", ...conflist });
  const conf = {
    type: "object",
    required: ["name"],
    properties: { name, $schema: { type: "string" } },
  };
  add("conf", { title: "a CNI network of one plugin", ...conf, $ref: "#/$defs/plugin" });
  for (const { name: type } of all) add(type, { title: `podwire ${type}`, $ref: `#/$defs/${type}` });
  return files;
}
