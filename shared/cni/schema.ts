/**
 * Descriptions of configuration keys, in a plugin's schema.ts. They give the types for its reader (`Keyed`), the JSON
 * Schema for editors and `podwire validate`, and the table in the plugin's README. This module has only types: plugins
 * do not contain descriptions.
 */
import type { CniError } from "./error.ts";
import type { Fields } from "./fields.ts";

interface Described {
  /** The text for README and editors; a key without one is not in the table. */
  readonly description?: string;
  /** The value of an absent key. */
  readonly default?: unknown;
  /** The default as text if it is not a constant: "of the uplink". */
  readonly defaultText?: string;
}

export interface BooleanShape extends Described {
  readonly type: "boolean";
}

export interface IntegerShape extends Described {
  readonly type: "integer";
  readonly minimum?: number;
  readonly maximum?: number;
  /** One more valid value outside the limits: 0 for "none". */
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
  /** The values of undescribed keys; without it such keys are unknown. */
  readonly others?: Shape;
}

/** One text or several. */
export interface TextsShape extends Described {
  readonly type: "texts";
  readonly examples?: readonly string[];
}

/** The IPAM plugin's section, which has a schema of its own. */
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

/** The default export of plugins/NAME/schema.ts. */
export interface PluginSchema {
  /** The keys beside the common ones. */
  readonly properties: Properties;
  readonly required?: readonly string[];
  /** The plugin's capabilities and their values. */
  readonly capabilities?: Properties;
}

type KeysOf<Described extends Properties, Type> = {
  [Key in keyof Described & string]: Described[Key] extends { readonly type: Type } ? Key : never;
}[keyof Described & string];

/** Fields that may only be read as described: another key or type does not compile. */
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
