/**
 * Typed access to a JSON object of a configuration. Keys match as in the reference plugins (Go's encoding/json):
 * exactly, or else ignoring case. Null counts as absent, and unknown keys are ignored.
 */
import { firstItemIn, unparsedText } from "./deferred-list.ts";
import { CniError, ErrorCode, quote } from "./error.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined for a text that is not a whole JSON object. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(value: unknown): string {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    return value % 1 === 0 || !Number.isFinite(value) ? "a number too large" : "a fraction";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The advice for a flag or number that was written as a string; empty for any other value. `wanted`: JSON Schema's types. */
export function quotesAdvice(wanted: readonly unknown[], found: unknown): string {
  if (typeof found !== "string") return "";
  const isMeant =
    (wanted.includes("boolean") && /^(true|false)$/i.test(found)) ||
    (wanted.includes("integer") && /^-?\d+$/.test(found));
  return isMeant ? `write ${found.toLowerCase()} without quotes` : "";
}

export class Fields {
  private readonly content: JsonObject;
  private readonly path: string;
  private readonly position: number | undefined;

  /**
   * `path` names the object in errors, such as "ipam"; empty for the configuration itself. For an item of a list,
   * `path` is the list's and `position` the item's index: thousands of items need no names.
   */
  constructor(object: JsonObject, path = "", position?: number) {
    this.content = object;
    this.path = path;
    this.position = position;
  }

  /** The full name of a key, for errors. */
  pathOf(key: string): string {
    const own = this.position === undefined ? this.path : `${this.path}[${this.position}]`;
    return own === "" ? key : `${own}.${key}`;
  }

  /** The value of a key; undefined if it is absent or null. */
  value(key: string): unknown {
    if (Object.hasOwn(this.content, key)) return this.content[key] ?? undefined;
    const wanted = key.toLowerCase();
    for (const present in this.content) {
      // Compares lengths first: in most lists, all objects lack the same few keys.
      if (present.length === wanted.length && present.toLowerCase() === wanted)
        return this.content[present] ?? undefined;
    }
    return undefined;
  }

  private wrongType(key: string, wanted: string, value: unknown, advice = ""): CniError {
    const found = `found ${quote(value)}`;
    return new CniError(
      ErrorCode.decode,
      `"${this.pathOf(key)}" must be ${wanted}, but it is ${kindOf(value)}`,
      advice === "" ? found : `${found}: ${advice}`,
    );
  }

  text(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.wrongType(key, "a string", value);
  }

  boolean(key: string): boolean | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.wrongType(key, "true or false", value, quotesAdvice(["boolean"], value));
  }

  integer(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    throw this.wrongType(key, "a whole number", value, quotesAdvice(["integer"], value));
  }

  object(key: string): Fields | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (isObject(value)) return new Fields(value, this.pathOf(key));
    throw this.wrongType(key, "an object", value);
  }

  list(key: string): readonly unknown[] | undefined {
    const value = this.value(key);
    if (value === undefined || Array.isArray(value)) return value;
    throw this.wrongType(key, "a list", value);
  }

  /** The first item of a list. Cheap for a long list that is not parsed yet. */
  first(key: string): unknown {
    const text = unparsedText(this.content, key);
    const item = text === undefined ? undefined : firstItemIn(text);
    return item ?? this.list(key)?.[0];
  }

  texts(key: string): readonly string[] | undefined {
    return this.list(key)?.map((item, index) => {
      if (typeof item === "string") return item;
      throw this.wrongType(`${key}[${index}]`, "a string", item);
    });
  }

  objects(key: string): readonly Fields[] | undefined {
    const path = this.pathOf(key);
    return this.list(key)?.map((item, index) => {
      if (isObject(item)) return new Fields(item, path, index);
      throw this.wrongType(`${key}[${index}]`, "an object", item);
    });
  }

  /** An error with code 7 about a key's value: the problem, then the advice. */
  invalid(key: string, problem: string, advice: string): CniError {
    return new CniError(ErrorCode.invalidConfiguration, `"${this.pathOf(key)}" ${problem}`, advice);
  }
}
