/** Checks the key `capabilities`: by it the runtime knows which values to pass. A wrong name passes nothing, without an error. */
import { isObject, type JsonObject } from "../../shared/cni/fields.ts";
import type { Properties } from "../../shared/cni/schema.ts";
import type { Catalogue } from "./catalogue.ts";
import { type Finding, type Path, warning } from "./finding.ts";
import { isOfOthers } from "./others-keys.ts";
import { similarWord } from "./similar.ts";

const listed = (names: readonly string[]) =>
  names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;

function unknownName(
  name: string,
  path: Path,
  type: string,
  keys: Properties,
  known: readonly string[],
): Finding {
  const meant = similarWord(name, known);
  const advice =
    meant !== undefined
      ? `did you mean "${meant}"?`
      : Object.hasOwn(keys, name)
        ? 'it is a key: write it beside "capabilities"'
        : listed(known);
  const finding = warning(
    [...path, name],
    `is no capability of ${type}: the runtime passes nothing for it`,
    advice,
  );
  return { ...finding, isAboutKey: true };
}

/** portmap gets its ports by the capability alone. */
function checkPorts(raw: JsonObject, declared: JsonObject, path: Path): Finding[] {
  const given = isObject(raw["runtimeConfig"]) && raw["runtimeConfig"]["portMappings"] !== undefined;
  const meant = Object.keys(declared).some((name) => similarWord(name, ["portMappings"]) !== undefined);
  const isOff = declared["portMappings"] === false;
  if (given || (meant && !isOff)) return [];
  const message = isOff
    ? "is false, so no port is ever published"
    : "has no portMappings: no port is ever published";
  const advice = 'write "capabilities": {"portMappings": true}';
  return [warning(isOff ? [...path, "portMappings"] : path, message, advice)];
}

const limits = ["ingressRate", "egressRate"] as const;

/** bandwidth gets its limits by keys, or by the capability. */
function checkLimits(raw: JsonObject, declared: JsonObject, path: Path): Finding[] {
  const runtimeConfig = isObject(raw["runtimeConfig"]) ? raw["runtimeConfig"] : {};
  const meant = Object.keys(declared).some((name) => similarWord(name, ["bandwidth"]) !== undefined);
  const isGiven = limits.some((key) => raw[key] !== undefined) || runtimeConfig["bandwidth"] !== undefined;
  if (isGiven || (meant && declared["bandwidth"] !== false)) return [];
  const message = "has neither a rate nor the capability bandwidth: nothing is ever limited";
  return [warning(path, message, 'write "capabilities": {"bandwidth": true}, or give a rate and a burst')];
}

/** The findings in the capabilities of a plugin of ours. */
export function checkCapabilities(raw: JsonObject, path: Path, catalogue: Catalogue): Finding[] {
  const { type, capabilities } = raw;
  const plugin = typeof type === "string" ? catalogue[type] : undefined;
  if (typeof type !== "string" || plugin === undefined || plugin.isIpam) return [];
  const declared = isObject(capabilities) ? capabilities : {};
  const known = Object.keys(plugin.schema.capabilities ?? {});
  const at = [...path, "capabilities"];
  // One that is false asks the runtime for nothing.
  const asked = Object.keys(declared).filter((name) => declared[name] !== false);
  const odd = asked.filter((name) => !known.includes(name) && !isOfOthers(name, "other"));
  return [
    ...odd.map((name) => unknownName(name, at, type, plugin.schema.properties, known)),
    ...(known.includes("portMappings") ? checkPorts(raw, declared, at) : []),
    ...(known.includes("bandwidth") ? checkLimits(raw, declared, path) : []),
  ];
}
