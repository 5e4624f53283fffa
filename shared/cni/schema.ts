/**
 * Descriptions of configuration keys. A plugin's schema.ts holds one; from it come the types its reader may use
 * (`Keyed`), the JSON Schema for editors and for `podwire validate`, and the table in the plugin's README. Types only:
 * descriptions are never part of a plugin's program.
 */
import type { CniError } from "./error.ts";
import type { Fields } from "./fields.ts";

interface Described {
  /** What the README and editors say of it; a key without one is not in the table. */
  readonly description?: string;
  /** Taken if the key is absent. */
  readonly default?: unknown;
  /** The default in words, where it is no fixed value: "of the uplink". */
  readonly defaultText?: string;
}

export interface BooleanShape extends Described {
  readonly type: "boolean";
}

export interface IntegerShape extends Described {
  readonly type: "integer";
  readonly minimum?: number;
  readonly maximum?: number;
  /** One value more, outside the bounds: 0 for "none". */
  readonly or?: number;
}

export interface StringShape extends Described {
  readonly type: "string";
  readonly enum?: readonly string[];
  /** An empty text counts as absent. */
  readonly mayBeEmpty?: boolean;
  readonly examples?: readonly string[];
}

export interface ArrayShape extends Described {
  readonly type: "array";
  readonly items: Shape;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly examples?: readonly unknown[];
}

export interface ObjectShape extends Described {
  readonly type: "object";
  readonly properties: Properties;
  readonly required?: readonly string[];
  /** What keys hold that are not described; without it such a key is unknown. */
  readonly others?: Shape;
}

/** One text, or several. */
export interface TextsShape extends Described {
  readonly type: "texts";
  readonly examples?: readonly string[];
}

/** The IPAM plugin's section: described by its own schema. */
export interface IpamShape extends Described {
  readonly type: "ipam";
}

export type Shape =
  | BooleanShape
  | IntegerShape
  | StringShape
  | ArrayShape
  | ObjectShape
  | TextsShape
  | IpamShape;

export type Properties = Readonly<Record<string, Shape>>;

/** What plugins/NAME/schema.ts exports by default. */
export interface PluginSchema {
  /** The keys beside those that every plugin has. */
  readonly properties: Properties;
  readonly required?: readonly string[];
  /** The capabilities it has, and what a runtime may pass for each. */
  readonly capabilities?: Properties;
}

type KeysOf<Described extends Properties, Type> = {
  [Key in keyof Described & string]: Described[Key] extends { readonly type: Type } ? Key : never;
}[keyof Described & string];

/** Fields that are read only as they are described: another key, or another type, does not compile. */
export interface Keyed<Described extends Properties> {
  value(key: keyof Described & string): unknown;
  boolean(key: KeysOf<Described, "boolean">): boolean | undefined;
  integer(key: KeysOf<Described, "integer">): number | undefined;
  text(key: KeysOf<Described, "string">): string | undefined;
  list(key: KeysOf<Described, "array">): readonly unknown[] | undefined;
  texts(key: KeysOf<Described, "array" | "texts">): readonly string[] | undefined;
  object(key: KeysOf<Described, "object" | "ipam">): Fields | undefined;
  objects(key: KeysOf<Described, "array">): readonly Fields[] | undefined;
  pathOf(key: string): string;
  invalid(key: string, problem: string, advice: string): CniError;
}
