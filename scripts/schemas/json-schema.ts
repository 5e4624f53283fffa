/** JSON Schema (draft 2020-12) from descriptions of keys. */
import type { ObjectShape, Properties, Shape } from "../../shared/cni/schema.ts";

export type Json = { readonly [key: string]: unknown };

/** The path of the ipam section's schema in the file. */
export const IPAM = "#/$defs/ipam";

/** Removes Markdown, which editors show literally. */
const plainText = (text: string) => text.replaceAll("`", "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");

function annotations({ description, ...shape }: Shape): Json {
  return {
    ...(description === undefined ? {} : { description: plainText(description) }),
    ...(shape.default === undefined ? {} : { default: shape.default }),
    ...("examples" in shape && shape.examples !== undefined ? { examples: shape.examples } : {}),
  };
}

/** Null counts as absent, except for required keys. */
type Nullable = { readonly nullable: boolean };
const types = (type: string, { nullable }: Nullable) => (nullable ? [type, "null"] : type);

function integerBounds(shape: Extract<Shape, { type: "integer" }>): Json {
  const { minimum, maximum, or } = shape;
  const bounds = {
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
  // Bounds do not apply to null and constants.
  return or === undefined ? bounds : { anyOf: [{ const: or }, bounds] };
}

const text = { type: "string" };

function body(shape: Shape, nullable: Nullable): Json {
  switch (shape.type) {
    case "boolean":
      return { type: types("boolean", nullable) };
    case "integer":
      return { type: types("integer", nullable), ...integerBounds(shape) };
    case "string": {
      const known = shape.enum === undefined ? undefined : [...shape.enum, ...(shape.mayBeEmpty ? [""] : [])];
      const values = nullable.nullable && known !== undefined ? [...known, null] : known;
      return { type: types("string", nullable), ...(values === undefined ? {} : { enum: values }) };
    }
    case "array": {
      const { items, minItems, maxItems } = shape;
      return {
        type: types("array", nullable),
        items: jsonSchema(items, { nullable: false }),
        ...(minItems === undefined ? {} : { minItems }),
        ...(maxItems === undefined ? {} : { maxItems }),
      };
    }
    case "texts": {
      const several = { type: "array", items: text };
      return { anyOf: [text, several, ...(nullable.nullable ? [{ type: "null" }] : [])] };
    }
    case "ipam":
      return nullable.nullable ? { anyOf: [{ $ref: IPAM }, { type: "null" }] } : { $ref: IPAM };
    case "object":
      return { ...objectSchema(shape), type: types("object", nullable) };
  }
}

/** The schema of one value. */
function jsonSchema(shape: Shape, nullable: Nullable): Json {
  return { ...body(shape, nullable), ...annotations(shape) };
}

/** The schemas of the keys of an object. */
function propertySchemas(properties: Properties, required: readonly string[] = []): Json {
  return Object.fromEntries(
    Object.entries(properties).map(([key, shape]) => [
      key,
      jsonSchema(shape, { nullable: !required.includes(key) }),
    ]),
  );
}

/** Unknown keys are valid: the specification lets plugins ignore them. `podwire validate` warns of them. */
export function objectSchema({ properties, required, others }: Omit<ObjectShape, "type">): Json {
  return {
    type: "object",
    properties: propertySchemas(properties, required),
    ...(required === undefined ? {} : { required }),
    ...(others === undefined ? {} : { additionalProperties: jsonSchema(others, { nullable: true }) }),
  };
}
