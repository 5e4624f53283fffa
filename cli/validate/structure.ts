/** Checks a configuration by the published schemas, with validators that the build compiles. */
import { conf, conflist, type SchemaError } from "podwire-validators";
import { quote } from "../../shared/cni/error.ts";
import { isObject, quotesAdvice } from "../../shared/cni/fields.ts";
import { error, type Finding, type Path } from "./finding.ts";

/** RFC 6901. Digits are an index if the parent is a list. */
function pathOf(pointer: string, value: unknown): Path {
  const path: (string | number)[] = [];
  let at: unknown = value;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const key = Array.isArray(at) ? Number(name) : name;
    path.push(key);
    at = (at as Record<string | number, unknown> | undefined)?.[key];
  }
  return path;
}

const valueAt = (value: unknown, path: Path) =>
  path.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], value);

const typeNames: Readonly<Record<string, string>> = {
  boolean: "true or false",
  integer: "a whole number",
  string: "a string",
  array: "a list",
  object: "an object",
};

const withoutNull = (names: unknown) => [names].flat().filter((name) => name !== "null" && name !== null);
const listed = (names: readonly unknown[]) =>
  names.map((name) => typeNames[String(name)] ?? name).join(" or ");

/** Returns the text of an error; undefined for an error that only follows from another. */
function describe({ keyword, params, message }: SchemaError, found: unknown): string | undefined {
  switch (keyword) {
    case "if":
      return undefined;
    case "type":
      return `must be ${listed(withoutNull(params["type"]))}, but it is ${quote(found)}`;
    case "required":
      return "is missing";
    case "enum": {
      const known = withoutNull(params["allowedValues"]).filter((value) => value !== "");
      return `is ${quote(found)}; known are ${known.map((value) => quote(value)).join(", ")}`;
    }
    case "anyOf":
      return `is ${quote(found)}, which is not allowed`;
    case "minimum":
    case "maximum":
      return `is ${quote(found)}: it must be ${String(params["comparison"])} ${String(params["limit"])}`;
    case "minItems":
    case "maxItems":
      return `has ${(found as unknown[]).length} elements: ${message}`;
    default:
      return `is ${quote(found)}: ${message}`;
  }
}

/** What to write instead of a value of a wrong type. */
function adviceFor({ keyword, params }: SchemaError, path: Path, found: unknown): string {
  if (keyword !== "type") return "";
  const wanted = [params["type"]].flat();
  const inList = path.at(-2);
  if (inList === "ranges" && wanted.includes("array") && isObject(found))
    return `a range set is a list of ranges: write [[${quote(found)}]]`;
  if (inList === "routes" && typeof found === "string") return `write {"dst": ${quote(found)}}`;
  return quotesAdvice(wanted, found);
}

/** A failed alternative is not an error if another one may fit. */
const isAlternative = ({ schemaPath }: SchemaError) => /\/anyOf\/\d/.test(schemaPath);

function findingOf(fault: SchemaError, value: unknown): Finding[] {
  const path = pathOf(fault.instancePath, value);
  const text = isAlternative(fault) ? undefined : describe(fault, valueAt(value, path));
  if (text === undefined) return [];
  const missing = fault.keyword === "required" ? [String(fault.params["missingProperty"])] : [];
  return [error([...path, ...missing], text, adviceFor(fault, path, valueAt(value, path)))];
}

/** Checks a conflist, or a single plugin's configuration. */
export function checkStructure(value: unknown, isList: boolean): Finding[] {
  const validate = isList ? conflist : conf;
  if (validate(value)) return [];
  const findings = (validate.errors ?? []).flatMap((fault) => findingOf(fault, value));
  const texts = new Set<string>();
  return findings.filter(({ path, message }) => {
    const text = JSON.stringify([path, message]);
    return !texts.has(text) && texts.add(text);
  });
}
